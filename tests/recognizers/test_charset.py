from __future__ import annotations

import pytest

from ocr_core.errors import ModelError
from ocr_core.recognizers.decoding.charset import Charset


def test_encodes_and_decodes_with_class_0_left_for_the_blank() -> None:
    charset = Charset("abé")
    assert charset.classes == 4
    assert charset.encode("béa") == [2, 3, 1]
    assert charset.decode([2, 3, 1]) == "béa"


def test_made_from_texts_without_rare_characters() -> None:
    charset = Charset.of(["banana", "bar£"], least=2)
    assert charset.characters == "abn"
    assert not charset.covers("bar")


def test_share_of_a_text_that_can_be_written() -> None:
    charset = Charset("ab ")
    assert charset.share("a b c d") == 0.5
    assert charset.share(" ") == charset.share("ab") == 1
    assert charset.share("سلام") == 0


@pytest.mark.parametrize("table", ["", "aa", "e\u0301"])
def test_refuses_a_wrong_table(table: str) -> None:
    with pytest.raises(ModelError):
        Charset(table)
