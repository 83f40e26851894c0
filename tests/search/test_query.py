"""What people type → clauses."""

import pytest

from ocr_core.errors import UsageError
from ocr_core.search.query import Clause, parse


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Kew", [Clause(("kew",))]),
        ("  Kew   garden* ", [Clause(("kew",)), Clause(("garden",), prefix=True)]),
        ('"Royal Gardens" Kew', [Clause(("royal", "gardens")), Clause(("kew",))]),
        ('"Royal Gard*"', [Clause(("royal", "gard"), prefix=True)]),
        ('"Royal Gard"*', [Clause(("royal", "gard"), prefix=True)]),
        ("well-known", [Clause(("well", "known"))]),
        ("«أمّا بعد» مكتبة", [Clause(("اما", "بعد")), Clause(("مكتبه",))]),
        ("“left open", [Clause(("left", "open"))]),
        ("kew KEW — kew", [Clause(("kew",))]),
        ("don't", [Clause(("don", "t"))]),
    ],
)
def test_worked_answers(text: str, clauses: list[Clause]) -> None:
    assert list(parse(text).clauses) == clauses


@pytest.mark.parametrize("text", ["", "  ", '""', "— … *", "\u064b"])
def test_nothing_to_look_for(text: str) -> None:
    with pytest.raises(UsageError, match="Nothing to search"):
        parse(text)
