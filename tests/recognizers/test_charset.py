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


@pytest.mark.parametrize("table", ["", "aa", "e\u0301"])
def test_refuses_a_wrong_table(table: str) -> None:
    with pytest.raises(ModelError):
        Charset(table)
