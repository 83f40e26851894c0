"""Names of collections and runs never leave their folder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.errors import UsageError
from ocr_core.library import names


@pytest.mark.parametrize("name", ["Letters", "Hooker 1847", "رسائل", "हिन्दी", "a-b_c.d", "é" * 100])
def test_good_names(name: str) -> None:
    assert names.decode(names.encode(names.collection(name))) == names.collection(name)


@pytest.mark.parametrize(
    "name",
    ["", ".hidden", "..", "a/b", "a\\b", "a\0b", " a", "a ", "a%2Fb", "x" * 101, "漢" * 100, "a=b", "a\nb"],
)
def test_refused_names(name: str) -> None:
    with pytest.raises(UsageError):
        names.collection(name)


@given(st.text(max_size=120))
def test_accepted_names_make_safe_folders(name: str) -> None:
    try:
        accepted = names.collection(name)
    except UsageError:
        return
    folder = names.encode(accepted)
    assert names.decode(folder) == accepted
    assert not {"/", "\\", "\0", "="} & set(folder)
    assert len(f"collection={folder}".encode()) <= 255


@pytest.mark.parametrize("run_id", ["", "../x", "a b", ".a", "é", "x" * 81])
def test_refused_runs(run_id: str) -> None:
    with pytest.raises(UsageError):
        names.run(run_id)
