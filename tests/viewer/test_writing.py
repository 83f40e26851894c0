"""Corrections and transcriptions: what is kept, what is refused, what a transcriber may not see."""

from __future__ import annotations

import pytest
from lxml import html
from starlette.testclient import TestClient

from ocr_core.library import Library
from tests.viewer.make import AUDIT, Shown, human

ADA = {"text": "I have gone into Callitris", "transcriber": "Ada"}


def line_of(page: str, place: int) -> str:
    return f"{page}-{place - 1:04d}"


def test_a_correction_is_kept_and_shown(editor: TestClient, editable: Library, shown: Shown) -> None:
    line = line_of(shown.arabic, 2)
    text = "التكثير عبارة عن <script>الجمع</script>"
    assert editor.post(f"/lines/{line}", json={"text": text, "transcriber": "Ada"}).status_code == 204
    assert human(editable) == [(line, text, "text", "Ada", "correction")]
    page = html.fromstring(editor.get(f"/pages/{shown.arabic}").text)
    written = page.cssselect(f".line[data-id='{line}'] .human")[0]
    assert written.text_content().strip() == text
    assert page.cssselect(f".line[data-id='{line}'] .reading[hidden]")  # the reading stays
    assert editable.page(shown.arabic).lines[1]["text"] != text


def test_the_newest_correction_is_shown(editor: TestClient, editable: Library, shown: Shown) -> None:
    line = line_of(shown.letter, 6)
    for words in ({"text": "first"}, {"text": "second"}, {"status": "illegible"}):
        assert editor.post(f"/lines/{line}", json={"transcriber": "Ada"} | words).status_code == 204
        page = html.fromstring(editor.get(f"/pages/{shown.letter}").text)
        shows = page.cssselect(".human")[0].text_content().strip()
        assert shows == words.get("text", "illegible")
    reading = page.cssselect(f".line[data-id='{line}'] .reading")[0]  # nobody knows better than the engine
    assert reading.get("hidden") is None and reading.text_content().strip()
    assert len(human(editable)) == 1  # as SQL sees it


def test_a_corrected_line_is_found_and_marked(editor: TestClient, shown: Shown) -> None:
    line = line_of(shown.letter, 6)
    assert editor.get("/search/hits?q=rhododendra~0").text.count("<li>") == 0
    assert editor.post(f"/lines/{line}", json=ADA | {"text": "Rhododendra & ferns"}).status_code == 204
    [hit] = html.fromstring(editor.get("/search/hits?q=rhododendra~0").text).cssselect("li")
    assert "written by Ada" in " ".join(hit.text_content().split())
    page = html.fromstring(editor.get(f"/pages/{shown.letter}?q=rhododendra").text)
    [mark] = page.cssselect(f".line[data-id='{line}'] .human mark")
    assert mark.text_content() == "Rhododendra"
    assert page.cssselect(".found[data-line='6'][data-word='Rhododendra']")
    assert [d.text_content() for d in page.cssselect(".facts dd") if "Ada" in d.text_content()]


def test_what_was_written_of_another_place_is_not_shown(
    editor: TestClient, editable: Library, shown: Shown
) -> None:
    # A later run may give the number of a line to another one.
    row = editable.page(shown.letter).lines[3]
    moved = row | {"y0": row["y0"] + 500, "y1": row["y1"] + 500, "text": "elsewhere", "transcriber": "Ada"}
    editable.append("import-1", "ground_truth", [moved | {"status": "text", "origin": "correction"}])
    assert "elsewhere" not in editor.get(f"/pages/{shown.letter}").text


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (ADA | {"text": ""}, 400),
        (ADA | {"text": "two\nlines"}, 400),
        (ADA | {"text": "\x1b[31m"}, 400),
        (ADA | {"transcriber": "  "}, 400),
        (ADA | {"transcriber": ""}, 400),
        (ADA | {"status": "empty"}, 400),
        (ADA | {"status": "guess"}, 400),
        (ADA | {"text": "x" * 5000}, 400),
        (ADA | {"origin": "audit"}, 400),
        ({"text": "nobody"}, 400),
    ],
)
def test_what_cannot_be_kept_is_refused(
    editor: TestClient, editable: Library, shown: Shown, words: dict[str, str], status: int
) -> None:
    assert editor.post(f"/lines/{line_of(shown.letter, 6)}", json=words).status_code == status
    assert human(editable) == []


@pytest.mark.parametrize("line", [f"{'a' * 64}-00001-0000", "x", f"{'a' * 64}-00001-0000' OR 1=1"])
def test_unknown_lines_are_refused(editor: TestClient, editable: Library, line: str) -> None:
    assert editor.post(f"/lines/{line}", json=ADA).status_code in (400, 404)
    assert human(editable) == []


def test_only_json_is_taken(editor: TestClient, editable: Library, shown: Shown) -> None:
    form = {"content-type": "text/plain"}
    address = f"/lines/{line_of(shown.letter, 6)}"
    assert editor.post(address, content='{"text":"x","transcriber":"y"}', headers=form).status_code == 415
    assert human(editable) == []


def test_nothing_is_written_without_edit(client: TestClient, shown: Shown) -> None:
    line = line_of(shown.letter, 6)
    own = {"origin": "http://localhost:8400"}
    for address in (f"/lines/{line}", f"/audit/{AUDIT}/lines/{line}"):
        assert client.post(address, json=ADA, headers=own).status_code == 403
    assert client.get(f"/audit/{AUDIT}/transcribe").status_code == 403
    assert "correct.js" not in client.get(f"/pages/{shown.letter}").text
    assert human(Library.open(shown.root)) == []


def test_a_sample_is_transcribed_line_by_line_without_its_reading(
    editor: TestClient, editable: Library, shown: Shown
) -> None:
    wanted = [line_of(shown.letter, 4), line_of(shown.arabic, 2), line_of(shown.letter, 6)]
    for number, line in enumerate(wanted):
        answer = editor.get(f"/audit/{AUDIT}/transcribe?transcriber=Ada").text
        desk = html.fromstring(answer)
        form = desk.cssselect("form.editor")[0]
        assert form.get("data-line") == line
        stored = editable.page(line[:-5]).lines[int(line[-4:])]
        assert stored["text"] not in answer
        assert form.get("dir") == stored["direction"]
        assert f"{number} of 3 written" in desk.text_content()
        words = {"text": f"words {number}", "transcriber": "Ada"}
        assert editor.post(f"/audit/{AUDIT}/lines/{line}", json=words).status_code == 204
    assert "Everything is written" in editor.get(f"/audit/{AUDIT}/transcribe?transcriber=Ada").text
    assert {row[2:] for row in human(editable)} == {("text", "Ada", "audit")}
    # The line for two people is open to another one, who does not see what the first wrote.
    second = editor.get(f"/audit/{AUDIT}/transcribe?transcriber=Ben").text
    assert html.fromstring(second).cssselect("form.editor")[0].get("data-line") == wanted[0]
    assert "words 0" not in second
    assert "3 written; 0 of 1 by a second person" in " ".join(
        html.fromstring(editor.get("/audit").text).text_content().split()
    )


def test_a_line_can_be_left_for_later(editor: TestClient) -> None:
    def number(after: int) -> str:
        part = editor.get(
            f"/audit/{AUDIT}/transcribe?transcriber=Ada&after={after}", headers={"x-warraq": "part"}
        )
        assert "<html" not in part.text
        found: str = html.fromstring(part.text).cssselect("form")[0].get("data-number")
        return found

    assert [number(after) for after in (0, 1, 2, 3)] == ["1", "2", "3", "1"]


def test_a_transcriber_gives_a_name_first(editor: TestClient) -> None:
    page = html.fromstring(editor.get(f"/audit/{AUDIT}/transcribe").text)
    assert page.cssselect("input[name=transcriber]") and not page.cssselect("form.editor")


def test_an_unknown_audit_is_told(editor: TestClient) -> None:
    answer = editor.get("/audit/nobody/transcribe?transcriber=Ada")
    assert answer.status_code == 400 and "no audit" in html.fromstring(answer.text).text_content()


def test_the_report_of_a_sample_measures_what_is_written(
    editor: TestClient, editable: Library, shown: Shown
) -> None:
    def report() -> html.HtmlElement:
        return html.fromstring(editor.get(f"/audit/{AUDIT}").text)

    assert "Nothing can be measured" in report().text_content()
    line = line_of(shown.letter, 6)
    reading = editable.page(shown.letter).lines[5]["text"]
    truth = reading + " <b>x</b>"
    words = {"text": truth, "transcriber": "Ada"}
    assert editor.post(f"/audit/{AUDIT}/lines/{line}", json=words).status_code == 204
    # Nine characters and one word are missing from what was read.
    characters, counted = f"{100 * 9 / len(truth):.2f} %", f"{100 / len(truth.split()):.2f} %"
    page = report()
    assert [b.text_content() for b in page.cssselect(".figures b")][:2] == [characters, counted]
    worst = page.cssselect(".worst a")[0]
    assert worst.get("href") == f"/pages/{shown.letter}#l6"
    assert [s.text_content() for s in worst.cssselect(".snippet")] == [truth, reading]
    assert editable.reading(lambda con: con.execute("SELECT count(*) FROM audits").fetchall()) == [(0,)]
    # Written anew, it is measured anew.
    assert editor.post(f"/audit/{AUDIT}/lines/{line}", json=words | {"text": reading}).status_code == 204
    assert report().cssselect(".figures b")[0].text_content() == "0.00 %"
    assert editor.get("/audit/nobody").status_code == 404
