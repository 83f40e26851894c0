from __future__ import annotations

from pathlib import Path

import pytest

from ocr_core.library import Library
from tests.conftest import ROOT
from tests.exports.make import HOSTILE, HOSTILE_NAME, document, page_of, published, sample_page
from tests.library.make import document as invented


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Two pages of one document, every hostile text on both, from left to right and from right to left."""
    root = tmp_path_factory.mktemp("hostile")
    source = invented(HOSTILE_NAME, pages=3)
    pages = [
        page_of(source.page(1), HOSTILE),
        page_of(source.page(2), HOSTILE, direction="rtl"),
        page_of(source.page(3), ()),
    ]
    return published(root / "library", *pages, documents=[source])


@pytest.fixture(scope="session")
def read_samples(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Samples in English and Arabic with their true text."""
    truths = ROOT / "samples" / "ground_truth"
    letter = document(samples / "letters" / "JDH_2_16_144_001.jpg", samples)
    print_ = document(samples / "print" / "dracula_page_51.png", samples)
    arabic = document(samples / "arabic" / "synthetic-arithmetic.jpg", samples)
    return published(
        tmp_path_factory.mktemp("samples") / "library",
        sample_page(letter.page(1), truths / "JDH_2_16_144_001.xml"),
        sample_page(print_.page(1), truths / "dracula_page_51.xml"),
        sample_page(arabic.page(1), truths / "synthetic-arithmetic.xml", direction="rtl"),
        documents=[letter, print_, arabic],
    )
