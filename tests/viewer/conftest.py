"""A library to look at: three real pages with their true text, a document of hostile names and texts, failures."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ocr_core import records as r
from ocr_core.library import Library, RunRecord
from ocr_core.viewer import ViewerSettings, create_app
from tests.conftest import ROOT
from tests.exports.make import HOSTILE, document, page_of, sample_page
from tests.library.make import document as invented
from tests.library.make import failure
from tests.viewer.make import HOST, HOSTILE_PATH, Shown, draw_sample, lying_on_its_side, on_its_side


@pytest.fixture(scope="session")
def shown(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    root = tmp_path_factory.mktemp("viewer")
    truths = ROOT / "samples" / "ground_truth"
    letter = document(samples / "letters" / "JDH_2_16_144_001.jpg", samples)
    arabic = document(samples / "arabic" / "synthetic-arithmetic.jpg", samples)
    print_ = document(samples / "print" / "udolpho.pdf", samples)
    hostile = invented(HOSTILE_PATH, pages=3, root=str(root))
    outside = root / "outside.png"
    shutil.copy(samples / "letters" / "JDH_2_16_144_001.jpg", outside)
    escaping = r.Document(
        hashlib.sha256(outside.read_bytes() + b"other").hexdigest(),
        r.SourceFile(outside, root / "in", "../outside.png"),
        "image/jpeg",
        1,
        outside.stat().st_size,
    )
    side = lying_on_its_side(samples / "letters" / "JDH_2_16_144_001.jpg", root)
    library = Library.create(root / "library")
    run = RunRecord(
        "run-1",
        "letters",
        (str(samples),),
        datetime(2026, 3, 1, 9, tzinfo=UTC),
        datetime(2026, 3, 1, 10, tzinfo=UTC),
        "completed",
        {"english": "crnn-latin", "note": "<script>alert(1)</script>"},
        "1.0",
        {"discovered": 8, "done": 5, "failed": 2, "blank": 1},
        {"read": 1.5, "layout": 3.0},
    )
    library.publish(
        "run-1",
        "letters",
        documents=[letter, arabic, print_, hostile, escaping, side],
        results=[
            sample_page(letter.page(1), truths / "JDH_2_16_144_001.xml"),
            sample_page(arabic.page(1), truths / "synthetic-arithmetic.xml", direction="rtl"),
            page_of(
                print_.page(1),
                ["The Mysteries of Udolpho", None],
                size=(1749, 2481),
                origin="rendered",
                dpi=300.0,
            ),
            page_of(hostile.page(1), HOSTILE),
            page_of(escaping.page(1), ["a line"]),
            on_its_side(sample_page(side.page(1), truths / "JDH_2_16_144_001.xml")),
        ],
        failures=[
            failure(HOSTILE_PATH, hostile.page(2), kind="<b>kind</b>"),
            replace(failure("broken.tif"), remedy="Scan <i>it</i> again."),
        ],
        run=run,
    )
    ids = [d.page(1).page_id for d in (letter, arabic, print_, hostile, escaping, side)]
    return Shown(library.root, *ids)


@pytest.fixture(scope="session")
def client(shown: Shown) -> Iterator[TestClient]:
    """Only looks."""
    with TestClient(create_app(Library.open(shown.root)), base_url=HOST) as client:
        yield client


@pytest.fixture
def editable(shown: Shown, tmp_path: Path) -> Library:
    """A copy, with a sample drawn for an audit."""
    shutil.copytree(shown.root, tmp_path / "library")
    library = Library.open(tmp_path / "library")
    draw_sample(library, [(shown.letter, 4), (shown.arabic, 2), (shown.letter, 6)])
    return library


@pytest.fixture
def editor(editable: Library) -> Iterator[TestClient]:
    with TestClient(create_app(editable, ViewerSettings(edit=True)), base_url=HOST) as client:
        client.headers["origin"] = HOST
        yield client
