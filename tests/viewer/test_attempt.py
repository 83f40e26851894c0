"""Try it: a picture is read as a run would read it, and nothing of it is kept."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import html
from PIL import Image, ImageDraw
from starlette.testclient import TestClient

from ocr_core.library import Library
from ocr_core.viewer import create_app
from tests.conftest import ROOT
from tests.exports.make import true_page
from tests.viewer.make import HOST, Shown


@pytest.fixture(scope="module")
def reader(shown: Shown) -> Iterator[TestClient]:
    app = create_app(Library.open(shown.root))
    with TestClient(app, base_url=HOST, headers={"origin": HOST}) as client:
        yield client


@pytest.fixture
def no_traces(shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = {p: p.stat().st_mtime_ns for p in shown.root.rglob("*")}
    yield
    assert list(tmp_path.iterdir()) == []
    assert {p: p.stat().st_mtime_ns for p in shown.root.rglob("*")} == before


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def cut(samples: Path) -> bytes:
    """Some lines of a printed page."""
    with Image.open(samples / "print" / "dracula_page_51.png") as page:
        return png(page.crop((0, 300, page.width, 900)))


@pytest.mark.usefixtures("no_traces")
def test_a_page_is_read_and_shown(reader: TestClient, cut: bytes) -> None:
    answer = reader.post("/try", content=cut)
    assert answer.status_code == 200, answer.text
    page = html.fromstring(answer.text)
    read = " ".join(line.text_content() for line in page.cssselect(".line .reading"))
    assert sum(word in read for word in ("that", "and", "the", "you")) >= 3, read
    assert len(page.cssselect(".line")) == len(page.cssselect(".outline")) > 3
    assert page.cssselect(".sheet img")[0].get("src").startswith("data:image/jpeg;base64,")


@pytest.mark.usefixtures("no_traces")
def test_one_line_is_read_by_the_engine_chosen(reader: TestClient, cut: bytes) -> None:
    with Image.open(io.BytesIO(cut)) as page:
        line = png(page.crop((200, 180, page.width - 200, 260)))
    answer = reader.post("/try?shape=line&engine=crnn-latin", content=line)
    assert answer.status_code == 200, answer.text
    assert "crnn-latin" in answer.text


@pytest.mark.usefixtures("no_traces")
@pytest.mark.parametrize(
    ("file", "box", "engine"),
    [
        ("print/dracula_page_51.png", (200, 480, 1200, 560), "crnn-latin"),
        ("arabic/synthetic-arithmetic.jpg", None, "crnn-ar"),
    ],
)
def test_a_line_goes_to_the_engine_of_its_script(
    reader: TestClient, samples: Path, file: str, box: tuple[int, int, int, int] | None, engine: str
) -> None:
    if box is None:
        line = true_page(ROOT / "samples" / "ground_truth" / f"{Path(file).stem}.xml").lines[1]
        x, y = zip(*line.polygon, strict=True)
        box = (min(x), min(y), max(x), max(y))
    answer = reader.post("/try?shape=line", content=png(Image.open(samples / file).crop(box)))
    assert answer.status_code == 200, answer.text
    assert html.fromstring(answer.text).cssselect(".sums")[0].text_content().startswith(engine)


@pytest.mark.usefixtures("no_traces")
@pytest.mark.parametrize("engine", ["auto", "glyphs"])
def test_a_character_is_shown_with_what_else_it_may_be(reader: TestClient, engine: str) -> None:
    drawn = Image.new("RGB", (60, 60), "white")
    ImageDraw.Draw(drawn).line([(12, 12), (30, 48), (48, 12)], "black", 4)
    answer = reader.post(f"/try?shape=character&engine={engine}", content=png(drawn))
    assert answer.status_code == 200, answer.text
    page = html.fromstring(answer.text)
    assert page.cssselect(".single")[0].text == "٧"
    assert page.cssselect(".sums")[0].text_content().startswith("glyphs")
    [picture] = page.cssselect("img")
    shown = Image.open(io.BytesIO(base64.b64decode(picture.get("src").partition(",")[2])))
    assert (shown.format, shown.size) == ("JPEG", (60, 60))
    rows = [(r.cssselect("th")[0].text, r.cssselect("td")[0].text) for r in page.cssselect(".likely tr")]
    shares = [float(share.removesuffix("%")) for _, share in rows]
    assert (len(rows), rows[0][0]) == (5, "٧")
    assert shares == sorted(shares, reverse=True) and 50 < sum(shares) < 100.5


@pytest.mark.usefixtures("no_traces")
def test_an_empty_picture_has_no_alternatives(reader: TestClient) -> None:
    answer = reader.post("/try?shape=character", content=png(Image.new("L", (50, 50), 240)))
    page = html.fromstring(answer.text)
    assert page.cssselect(".single")[0].text == "Nothing is read." and not page.cssselect(".likely")


@pytest.mark.usefixtures("no_traces")
@pytest.mark.parametrize(
    ("content", "words", "status"),
    [
        (b"", "no picture", 400),
        (b"<script>alert(1)</script>", "", 422),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "", 422),
        (b"%PDF-1.7\nnothing", "", 422),
    ],
)
def test_what_is_no_picture_is_told(reader: TestClient, content: bytes, words: str, status: int) -> None:
    answer = reader.post("/try", content=content, headers={"x-warraq": "part"})
    assert answer.status_code == status and words in answer.text, answer.text
    assert "<script>" not in answer.text and "picture</b" not in answer.text


@pytest.mark.parametrize("engine", ["nobody", "../weights/crnn-latin", "/etc/passwd", "x.safetensors"])
@pytest.mark.parametrize("shape", ["page", "line"])
def test_only_engines_of_the_list_are_taken(reader: TestClient, cut: bytes, engine: str, shape: str) -> None:
    answer = reader.post("/try", params={"engine": engine, "shape": shape}, content=cut)
    assert answer.status_code == 400 and "no engine" in answer.text


def test_the_form_lists_the_engines(reader: TestClient) -> None:
    engines = [o.text for o in html.fromstring(reader.get("/try").text).cssselect("[name=engine] option")]
    assert "crnn-latin" in engines and "crnn-ar" in engines
