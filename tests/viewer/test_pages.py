"""What the viewer shows, and that hostile content stays content."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from lxml import html
from PIL import Image
from starlette.testclient import TestClient

from ocr_core.library import Library
from ocr_core.viewer import create_app
from tests.exports.make import document, page_of, published
from tests.viewer.make import HOST, HOSTILE_PATH, Shown


def seen(client: TestClient, path: str, status: int = 200) -> html.HtmlElement:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return html.fromstring(answer.text)


def texts(page: html.HtmlElement, selector: str) -> list[str]:
    return [" ".join(found.text_content().split()) for found in page.cssselect(selector)]


def test_the_first_page_tells_what_the_library_holds(client: TestClient) -> None:
    page = seen(client, "/")
    assert "on 8 pages of 6 documents" in texts(page, ".sums")[0]
    assert texts(page, ".cards h3") == ["letters"]
    assert "2 pages failed" in texts(page, ".notice")[0]


def test_documents_are_listed_by_path_with_pictures(client: TestClient, shown: Shown) -> None:
    page = seen(client, "/collections/letters")
    labels = texts(page, ".tiles .label")
    assert labels[1:4] == [
        "arabic/synthetic-arithmetic.jpg",
        "letters/JDH_2_16_144_001.jpg",
        "print/udolpho.pdf",
    ]
    assert f"/pages/{shown.letter}/thumb.jpg" in [image.get("src") for image in page.cssselect(".thumb img")]
    assert all(image.get("loading") == "lazy" for image in page.cssselect(".thumb img"))


def test_pages_of_a_document_are_listed_failed_ones_too(client: TestClient, shown: Shown) -> None:
    page = seen(client, f"/documents/{shown.hostile.rpartition('-')[0]}")
    assert texts(page, ".tiles .label") == ["Page 1", "Page 2", "Page 3"]
    assert texts(page, ".tiles .small")[1:] == ["<b>kind</b>", "not read"]
    page = seen(client, f"/documents/{shown.hostile.rpartition('-')[0]}?first=3")
    assert texts(page, ".tiles .label") == ["Page 3"]


def test_a_page_shows_its_lines_in_their_direction(client: TestClient, shown: Shown) -> None:
    library = Library.open(shown.root)
    for page_id, direction in ((shown.letter, "ltr"), (shown.arabic, "rtl")):
        page = seen(client, f"/pages/{page_id}")
        stored = library.page(page_id)
        assert texts(page, ".line .reading") == [" ".join(line["text"].split()) for line in stored.lines]
        assert {line.get("dir") for line in page.cssselect(".line")} == {direction}
        outlines = page.cssselect("svg .outline")
        first = stored.lines[0]
        points = " ".join(f"{x},{y}" for x, y in zip(first["polygon_x"], first["polygon_y"], strict=True))
        assert outlines[0].get("points") == points
        assert {outline.get("data-line") for outline in outlines} == {
            line.get("data-line") for line in page.cssselect(".line")
        }
        assert "c8" in outlines[0].get("class")  # 0.875
        view = page.cssselect(".sheet svg")[0].get("viewbox")
        assert view == f"0 0 {stored.page['width']} {stored.page['height']}"
        assert "reader 2.1" in texts(page, ".origin dd")[0] and "run-1" in texts(page, ".origin dd")[1]


def test_a_waiting_line_says_so(client: TestClient, shown: Shown) -> None:
    assert texts(seen(client, f"/pages/{shown.print}"), ".line .reading")[1] == "waits for an engine"


def test_the_words_of_a_search_are_marked_in_text_and_image(client: TestClient, shown: Shown) -> None:
    stored = Library.open(shown.root).page(shown.letter)
    word = next(w for line in stored.lines for w in line["text"].split() if w.isalpha() and len(w) > 8)
    page = seen(client, f"/pages/{shown.letter}?q={word.lower()}")
    assert word in texts(page, "mark")
    boxes = page.cssselect("rect.found")
    assert word in [box.get("data-word") for box in boxes]
    # A mistyped word is forgiven here as the search forgives it.
    typo = word[0] + word[2] + word[1] + word[3:]
    assert word in texts(seen(client, f"/pages/{shown.letter}?q={typo}"), "mark")
    assert seen(client, f"/pages/{shown.letter}?q=conf%3E").cssselect("mark") == []


def test_search_links_to_the_line_with_its_picture(client: TestClient, shown: Shown) -> None:
    page = seen(client, "/search?q=" + quote("الحساب"))
    links = [link.get("href") for link in page.cssselect(".hits a")]
    assert links and all(link.startswith(f"/pages/{shown.arabic}?q=") for link in links)
    assert all("الحساب" in mark for mark in texts(page, ".hits mark"))
    assert page.cssselect(".hits .snippet")[0].get("dir") == "rtl"
    picture = client.get(page.cssselect(".hits img")[0].get("src"))
    with Image.open(io.BytesIO(picture.content)) as image:
        assert image.width > 4 * image.height


def test_search_part_is_the_same_without_the_rest(client: TestClient) -> None:
    part = client.get("/search/hits?q=dyer").text
    assert "<html" not in part
    assert part.strip() in client.get("/search?q=dyer").text


def test_search_tells_what_is_wrong_with_a_query(client: TestClient) -> None:
    assert "Write it like conf>0.8" in texts(seen(client, "/search?q=a conf:7"), ".notice")[0]
    assert texts(seen(client, "/search?q=zzzzzzzzzzzz"), ".empty")[0].startswith("Nothing was found.")
    assert "Did you mean script:arabic?" in texts(seen(client, "/search?q=a scirpt:arabic"), ".notice")[0]
    assert 'no filter "foo:"' in texts(seen(client, "/search?q=foo:zzzzzzzz"), ".notice")[0]
    nowhere = seen(client, "/search?q=callitris&collection=nowhere").cssselect(".empty a")[0]
    assert texts(seen(client, nowhere.get("href")), ".count")[0].endswith(" lines")
    assert seen(client, "/search?q=%20").cssselect(".help")
    assert "limit cannot be taken" in seen(client, "/search?q=dyer&limit=0", 400).text_content()
    assert "at most 500 characters" in seen(client, "/search?q=" + "x" * 501, 400).text_content()


def test_more_hits_can_be_asked_for(client: TestClient) -> None:
    page = seen(client, "/search?q=the&limit=2")
    assert len(page.cssselect(".hits > li")) == 2
    assert len(seen(client, page.cssselect("a.more")[0].get("href")).cssselect(".hits > li")) > 2


def test_runs_and_failures_tell_what_to_do(client: TestClient, shown: Shown) -> None:
    assert texts(seen(client, "/runs"), "tbody td")[1:4] == ["letters", "completed", "8"]
    run = seen(client, "/runs/run-1")
    assert "8 discovered = 5 read + 1 blank + 2 failed + 0 waiting" in texts(run, ".sum")[0]
    assert "<script>alert(1)</script>" in texts(run, ".facts dd")
    failures = seen(client, "/failures")
    assert texts(failures, ".remedy") == ["Scan <i>it</i> again.", "Scan it again."]
    assert len(seen(client, "/failures?kind=truncated").cssselect(".failures li")) == 1
    failed = shown.hostile.replace("-00001", "-00002")
    assert "The file ends early." in seen(client, f"/pages/{failed}").text_content()


def test_images_are_those_of_the_page(client: TestClient, shown: Shown, samples: Path) -> None:
    whole = client.get(f"/pages/{shown.letter}/page.jpg")
    assert whole.content == (samples / "letters" / "JDH_2_16_144_001.jpg").read_bytes()
    with Image.open(io.BytesIO(client.get(f"/pages/{shown.letter}/thumb.jpg").content)) as image:
        assert max(image.size) == 360
    with Image.open(io.BytesIO(client.get(f"/pages/{shown.print}/page.jpg").content)) as image:
        assert image.size == (1749, 2481)
    assert client.get(f"/pages/{shown.letter}/huge.jpg").status_code == 404


def test_a_page_that_lies_on_its_side_is_shown_upright(client: TestClient, shown: Shown) -> None:
    upright, side = (Library.open(shown.root).page(page) for page in (shown.letter, shown.side))
    for ours, theirs in zip(upright.lines[:3], side.lines[:3], strict=True):
        pictures = []
        for page, line in ((shown.letter, ours), (shown.side, theirs)):
            box = ",".join(str(line[name]) for name in ("x0", "y0", "x1", "y1"))
            answer = client.get(f"/pages/{page}/lines/{box}.jpg")
            pictures.append(np.asarray(Image.open(io.BytesIO(answer.content)).convert("L"), float))
        assert pictures[0].shape == pictures[1].shape
        assert np.abs(pictures[0] - pictures[1]).mean() < 3  # but for the losses of JPEG
    with Image.open(io.BytesIO(client.get(f"/pages/{shown.side}/thumb.jpg").content)) as thumb:
        assert thumb.height > thumb.width
    page = seen(client, f"/pages/{shown.side}?q=stand")
    assert page.cssselect(".sheet")[0].get("data-rotation") == "90"
    # The line runs up the file, and its words one above the other.
    [box] = page.cssselect("rect.found")
    line = next(line for line in side.lines if "stand" in line["text"])
    share = (int(box.get("height")) - 8) / (line["y1"] - line["y0"])
    word = next(word for word in line["text"].split() if "stand" in word)
    assert share == pytest.approx(len(word) / len(line["text"]), rel=0.15)


@pytest.mark.parametrize("box", ["0,0,0,0", "5,5,1,1", "0,0,1,99999999", "-1,0,5,5", "a,b,c,d", "1,2,3"])
def test_boxes_that_make_no_sense_are_not_found(client: TestClient, shown: Shown, box: str) -> None:
    assert client.get(f"/pages/{shown.letter}/lines/{box}.jpg").status_code == 404


def test_a_box_beyond_the_page_is_cut(client: TestClient, shown: Shown) -> None:
    assert client.get(f"/pages/{shown.letter}/lines/1000,2000,900000,900000.jpg").status_code == 200


def test_a_moved_scan_is_shown_once_the_library_has_met_it(samples: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "read" / "a.jpg", tmp_path / "new" / "b.jpg"
    for place in (old, new):
        place.parent.mkdir()
    shutil.copy(samples / "letters" / "JDH_2_16_144_001.jpg", old)
    read = document(old, old.parent)
    with Image.open(old) as image:
        library = published(
            tmp_path / "library", page_of(read.page(1), ["a"], size=image.size), documents=[read]
        )
    old.rename(new)
    address = f"/pages/{read.page(1).page_id}/thumb.jpg"
    with TestClient(create_app(library), base_url=HOST) as client:
        answer = client.get(address)
        assert answer.status_code == 404 and "a.jpg is no longer there" in answer.text
        library.publish("run-2", "letters", documents=[document(new, new.parent)])
        answer = client.get(address)
    assert answer.status_code == 200
    assert max(Image.open(io.BytesIO(answer.content)).size) == 360


def test_a_source_outside_of_its_folder_is_not_shown(client: TestClient, shown: Shown) -> None:
    answer = client.get(f"/pages/{shown.escaping}/page.jpg")
    assert answer.status_code == 404 and "leads out" in answer.text
    assert seen(client, f"/pages/{shown.escaping}").cssselect(".line")  # its text is


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/pages/../../../../etc/passwd",
        "/pages/..%2f..%2fwarraq.toml/page.jpg",
        f"/pages/{'a' * 64}-00001",
        f"/pages/{'A' * 64}-00001",
        f"/documents/{'a' * 64}",
        "/collections/%2e%2e%2f_log",
        "/collections/nobody",
        "/collections/lines%00",
        "/runs/..%2f..",
        "/runs/nobody",
        "/audit/..%2f../transcribe",
        "/openapi.json",
        "/docs",
    ],
)
def test_addresses_that_lead_nowhere(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (403, 404)
    assert "create_app" not in answer.text and "root:" not in answer.text


def every_page(client: TestClient, shown: Shown) -> Iterator[str]:
    """All pages that can be reached by links from the first one, and the form of the search."""
    waiting, known = (
        ["/", "/search?q=script", "/search/hits?q=" + quote(HOSTILE_PATH), "/failures?kind=%3Cb%3E"],
        set(),
    )
    while waiting:
        path = waiting.pop()
        if path in known:
            continue
        known.add(path)
        answer = client.get(path)
        assert answer.status_code == 200, path
        yield answer.text
        base = path.partition("?")[0]
        for link in html.fromstring(answer.text).cssselect("a[href]"):
            href = link.get("href")
            if not href.startswith("#"):
                waiting.append((base + href if href.startswith("?") else href).partition("#")[0])


def test_hostile_names_and_texts_stay_text(client: TestClient, shown: Shown) -> None:
    count = 0
    for text in every_page(client, shown):
        page = html.fromstring(text)
        count += 1
        own = re.compile(r"/static/[a-z]+\.js")
        for script in page.cssselect("script"):
            assert own.fullmatch(script.get("src")) and not (script.text or "").strip()
        for element in page.iter():
            assert not any(name.startswith("on") or name == "style" for name in element.attrib), (
                element.attrib
            )
        assert all(image.get("src").startswith("/pages/") for image in page.cssselect("img"))
        assert not page.cssselect("b b, i, iframe, object")
    assert count > 12


def test_looking_changes_nothing(client: TestClient, shown: Shown) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in shown.root.rglob("*")}

    before = state()
    for _ in every_page(client, shown):
        pass
    for name in ("page", "thumb"):
        client.get(f"/pages/{shown.arabic}/{name}.jpg")
    assert state() == before
