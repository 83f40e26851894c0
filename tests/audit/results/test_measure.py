"""Reports of transcribed samples: jiwer's figures, harmless pages, today's readings, drift, and the commands for it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jiwer
import numpy as np
import pytest
from click.testing import CliRunner, Result

from flows.cli import cli
from ocr_core.audit.metrics.text import NORMALISATIONS
from ocr_core.audit.results.drift import drift
from ocr_core.audit.results.measure import measure_sample
from ocr_core.audit.results.sample_report import as_html, as_json, as_markdown, as_text
from ocr_core.audit.results.save import save_report
from ocr_core.audit.sampling.draw import Design, draw, publish
from ocr_core.audit.sampling.size import pilot_of
from ocr_core.audit.transcription.samples import open_lines, sample_lines
from ocr_core.audit.transcription.transcriptions import Transcription, add_transcriptions
from ocr_core.errors import DriftError, NothingToDo, UsageError
from ocr_core.library import Library
from ocr_core.records import EngineStamp, Script
from tests.audit.conftest import Given
from tests.audit.noised import Noise, Noised, noised_library
from tests.audit.seen import Seen
from tests.library.make import document, result

HOSTILE = "<script>alert(1)</script> | `x` [a](http://b) *"


@pytest.fixture(scope="module")
def noised(tmp_path_factory: pytest.TempPathFactory) -> Noised:
    """A library with an audit, all of which two people have transcribed, one with a mistake in every tenth line."""
    folder = tmp_path_factory.mktemp("noised") / "library"
    made = noised_library(folder, {"letters": Noise(2, 20), "books": Noise(1, 40, "other")}, 40)
    audit = publish(
        made.library, draw(made.library, Design(lines=150, per_page=3, double=1.0)).rows, "spring"
    )
    for who, mistakes in (("Ada", 0), ("Bob", 10)):
        told = [
            Transcription(
                line.line_id,
                made.truths[line.line_id] + ("x" if mistakes and n % mistakes == 0 else ""),
                who,
                audit_id=audit,
            )
            for n, line in enumerate(open_lines(made.library, audit, transcriber=who))
        ]
        add_transcriptions(made.library, told)
    return made


def transcribe(library: Library, texts: dict[int, str], who: str = "Ada") -> None:
    lines = {line.number: line for line in sample_lines(library)}
    told = [
        Transcription(lines[n].line_id, text, who, audit_id=lines[n].audit_id) for n, text in texts.items()
    ]
    add_transcriptions(library, told)


def sql(library: Library, query: str) -> list[tuple]:
    return library.reading(lambda con: con.execute(query).fetchall())


def test_rates_are_jiwers_with_every_line_as_often_as_it_stands_for_others(noised: Noised) -> None:
    report = measure_sample(noised.library)
    truths = [line.score.truth for line in report.lines]
    readings = [line.score.reading for line in report.lines]
    weights = np.array([line.sample.weight for line in report.lines])
    each = [jiwer.process_characters(t, r) for t, r in zip(truths, readings, strict=True)]
    edits = np.array([e.substitutions + e.insertions + e.deletions for e in each])
    assert report.overall.cer.value == pytest.approx(
        weights @ edits / (weights @ list(map(len, truths))), abs=1e-9
    )
    each_word = [jiwer.process_words(t, r) for t, r in zip(truths, readings, strict=True)]
    word_edits = np.array([e.substitutions + e.insertions + e.deletions for e in each_word])
    words = [len(t.split()) for t in truths]
    assert report.overall.wer.value == pytest.approx(weights @ word_edits / (weights @ words), abs=1e-9)
    letters = next(e for e in report.parts["collection"] if e.name == "letters")
    books = next(e for e in report.parts["collection"] if e.name == "books")
    assert letters.cer.value > books.cer.value
    assert letters.share + books.share == pytest.approx(1)
    assert letters.lines + books.lines == report.overall.lines == len(report.lines)
    assert sum(e.lines for e in report.strata) == len(report.lines)
    assert report.covered == pytest.approx(1)


def test_people_who_transcribe_the_same_lines_tell_their_own_error(noised: Noised) -> None:
    people = measure_sample(noised.library).people
    assert people is not None
    lines = sample_lines(noised.library)
    assert (people.lines, people.names, people.differing) == (
        len(lines),
        ("Ada", "Bob"),
        -(-len(lines) // 10),
    )
    assert people.cer.value == pytest.approx(
        people.differing / sum(len(noised.truths[x.line_id]) for x in lines), rel=0.01
    )


def test_a_report_is_kept_for_sql_and_the_newest_counts(noised: Noised) -> None:
    report = measure_sample(noised.library)
    save_report(noised.library, report)
    save_report(noised.library, report)
    query = """
        SELECT normalisation, sum(weight * char_edits) / sum(weight * chars), count(*) FROM audits
        WHERE audit_id = 'spring' AND label = 'drawn' GROUP BY ALL ORDER BY ALL
    """
    rows = {name: (rate, lines) for name, rate, lines in sql(noised.library, query)}
    assert set(rows) == set(NORMALISATIONS)
    assert rows["raw"] == (pytest.approx(report.overall.cer.value, abs=1e-12), len(report.lines))
    for rates in report.folded:
        assert rows[rates.normalisation][0] == pytest.approx(rates.cer.value, abs=1e-12)
    pilot = pilot_of(noised.library)
    assert pilot is not None
    assert pilot.source == f"measured by audit spring on {len(report.lines)} lines"
    assert 0.1 < pilot.correlation < 0.9 and pilot.deviation > 0


def test_what_is_missing_is_said_and_made_up_for(given: Given) -> None:
    with pytest.raises(NothingToDo, match="audit import"):
        measure_sample(given.library)
    lines = {line.number: line for line in sample_lines(given.library)}
    transcribe(given.library, {n: line.reading for n, line in lines.items() if n not in (1, 2)})
    add_transcriptions(
        given.library, [Transcription(lines[1].line_id, "", "Ada", "illegible", audit_id="spring")]
    )
    report = measure_sample(given.library)
    assert (len(report.lines), len(report.illegible), report.waiting) == (10, 1, 1)
    assert report.overall.cer.value == 0 and report.overall.cer.high and report.overall.cer.high > 0
    save_report(given.library, report)
    (total,) = sql(given.library, "SELECT sum(weight) FROM audits WHERE normalisation = 'raw'")
    assert total[0] == pytest.approx(12)  # the lines of the library
    add_transcriptions(
        given.library, [Transcription(lines[2].line_id, "", "Ada", "empty", audit_id="spring")]
    )
    after = measure_sample(given.library)
    assert after.waiting == 0 and after.overall.cer.value > 0  # it read something where nothing is written


def test_reports_hold_their_figures_and_no_hostile_text(given: Given) -> None:
    lines = sample_lines(given.library)
    transcribe(given.library, {line.number: line.reading for line in lines[3:]} | {1: HOSTILE, 2: "Kew"})
    report = measure_sample(given.library)
    page = as_html(report, given.library)
    seen = Seen()
    seen.feed(page)
    assert page.startswith("<!doctype html>")
    assert "script" not in seen.tags and not [name for name in seen.attributes if name.startswith("on")]
    assert seen.sources and all(source.startswith("data:image/jpeg;base64,") for source in seen.sources)
    assert HOSTILE in seen.paragraphs
    assert page.count("<svg") >= 3
    assert "=cmd|" in page and "http-equiv" in page
    value = f"{100 * report.overall.cer.value:.2f} %"
    text = as_text(report)
    assert all(value in form for form in (page, text, as_markdown(report)))
    assert HOSTILE not in as_markdown(report) and "`x`" not in as_markdown(report)
    told = json.loads(json.dumps(as_json(report, lines=True)))
    assert told["overall"]["cer"]["value"] == report.overall.cer.value
    assert len(told["by_line"]) == 11 and told["waiting"] == 1
    assert as_html(report).count("data:image") == 0


def test_todays_readings_are_measured_on_the_same_transcripts(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "library")
    documents = [document(f"{n}.png") for n in range(24)]
    library.publish(
        "r1",
        "c",
        documents=documents,
        results=[result(d.page(1), "Kew gurdens", "a rase") for d in documents],
    )
    publish(library, draw(library, Design(lines=48, double=0)).rows, "spring")
    texts = {0: "Kew gardens", 1: "a rose"}
    told = [
        Transcription(x.line_id, texts[x.line_order], "Ada", audit_id="spring") for x in sample_lines(library)
    ]
    add_transcriptions(library, told)
    save_report(library, measure_sample(library))
    with pytest.raises(NothingToDo, match="no two runs"):
        drift(library)
    better = [result(d.page(1), "Kew gardens", "a rose") for d in documents]
    # The layout has found other lines this time: the first line in two parts, the second one not at all.
    box = better[0].lines[0].line
    left, right = (
        tuple((x0 if x == 100 else x1, y) for x, y in box.polygon) for x0, x1 in ((100, 450), (451, 899))
    )
    parts = []
    for order, (shape, text) in enumerate(((left, "Kew"), (right, "gardens"))):
        line = better[0].lines[0]
        transcript = replace(line.transcript, text=text)  # type: ignore[type-var]
        parts.append(
            replace(line, line=replace(line.line, polygon=shape, order=order), transcript=transcript)
        )
    library.publish("r2", "c", results=[replace(better[0], lines=tuple(parts)), *better[1:]])
    today = measure_sample(library, label="today")
    save_report(library, today)
    assert {(s.score.truth, s.score.reading) for s in today.lines} == {
        ("Kew gardens", "Kew gardens"), ("a rose", "a rose"), ("a rose", ""),
    }  # fmt: skip
    assert measure_sample(library).overall.cer.value == pytest.approx(2 / 17)
    assert today.overall.cer.value == pytest.approx(6 / (24 * 17))
    found = drift(library)
    assert (found.before, found.after) == ("r1", "r2")
    (comparison,) = found.comparisons
    assert comparison.verdict == "better" and comparison.difference.value == pytest.approx(6 / 408 - 2 / 17)
    for by in ("audit", "engine", "month"):
        if by == "audit":
            assert (drift(library, by=by).before, drift(library, by=by).after) == ("spring", "spring today")
        else:
            with pytest.raises(NothingToDo):
                drift(library, by=by)
    with pytest.raises(UsageError, match="There are: r1, r2"):
        drift(library, before="r7")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(
        cli, ["audit", *map(str, arguments)], standalone_mode=False, catch_exceptions=False
    )


def test_the_commands_from_sample_to_alarm(tmp_path: Path) -> None:
    engine = EngineStamp("crnn-latin", "2", "cd" * 32)
    library = Library.create(tmp_path / "library")
    documents = [document(f"{n}.png") for n in range(20)]
    library.publish(
        "r1", "c", documents=documents, results=[result(d.page(1), "Kew Gardens") for d in documents]
    )
    where = ("--library", library.root)
    answer = run("size", *where, "--precision", "5")
    assert answer.stdout.splitlines()[1].split("\t")[:2] == ["±5 %", "1"]
    assert json.loads(run("size", *where, "--json").stdout)["pages"] == 20
    assert run("sample", *where, "--lines", "20", "--dry-run").stderr.startswith(
        "20 lines on 20 pages, 2 for two people, would"
    )
    answer = run("sample", *where, "--lines", "20", "--id", "spring", "--json")
    assert (answer.return_value, json.loads(answer.stdout)["audit_id"]) == (0, "spring")
    sheet = tmp_path / "mine.csv"
    rows = [f"{line.line_id},Kew Gardens" for line in sample_lines(library)]
    sheet.write_text("\n".join(["id,text", *rows]))
    answer = run("import", sheet, *where, "--transcriber", "Ada", "--json")
    assert json.loads(answer.stdout)["lines"] == 20
    html, markdown = tmp_path / "new" / "r.html", tmp_path / "r.md"
    answer = run("report", *where, "--html", html, "--markdown", markdown)
    assert answer.stdout.splitlines()[1].startswith("overall\toverall\t20\t20\t0.00 % (0.00–")
    assert "20 of 20 drawn lines are measured" in answer.stderr
    assert "0.00 %" in html.read_text("utf-8") and "0.00 %" in markdown.read_text("utf-8")
    worse = [result(d.page(1), "Kew Gordons" if n % 4 else "Kew") for n, d in enumerate(documents)]
    for number, page in enumerate(worse):
        lines = tuple(
            replace(x, transcript=replace(x.transcript, engine=engine), script=Script.LATIN)  # type: ignore[type-var]
            for x in page.lines
        )
        worse[number] = replace(page, lines=lines)
    library.publish("r2", "c", results=worse)
    assert (
        json.loads(run("report", *where, "--label", "today", "--json").stdout)["overall"]["cer"]["value"]
        > 0.2
    )
    answer = run("drift", *where, "--by", "engine")
    assert not answer.return_value
    assert re.search(r"^c\t20 and 20\t0\.00 % .*\tworse$", answer.stdout, re.MULTILINE)
    answer = run("drift", *where, "--markdown", tmp_path / "d.md", "--json")
    assert json.loads(answer.stdout)["comparisons"][0]["verdict"] == "worse"
    with pytest.raises(
        DriftError, match=r"c: CER rose by \+.* \(run r1\) to .* allowed are 5 points"
    ) as raised:
        run("drift", *where, "--fail-above", "5")
    assert raised.value.exit_code == 10
    assert not run("drift", *where, "--fail-above", "60").return_value
    assert "| c |" in (tmp_path / "d.md").read_text("utf-8")


def test_a_sample_whose_scans_are_gone_is_still_drawn(scanned: Library, tmp_path: Path) -> None:
    next((tmp_path / "scans").iterdir()).unlink()
    answer = run(
        "sample", "--library", scanned.root, "--lines", "12", "--per-page", "3", "--output", tmp_path / "out"
    )
    assert answer.return_value == 10
    assert answer.stderr.count("no picture of ") == 3
    assert len(list((tmp_path / "out" / "first" / "lines").iterdir())) == 9
    with pytest.raises(UsageError, match="is not empty"):
        run("sample", "--library", scanned.root, "--output", tmp_path / "out")
    assert len(sql(scanned, "SELECT DISTINCT audit_id FROM samples")) == 1


def test_months_follow_the_time_of_reading(tmp_path: Path) -> None:
    old = datetime(2026, 1, 5, tzinfo=UTC)
    made = noised_library(tmp_path / "library", {"a": Noise(2, 20)}, 10, created_at=old)
    other = noised_library(
        tmp_path / "other", {"a": Noise(2, 20)}, 10, seed=9, created_at=old + timedelta(days=30)
    )
    for source in ("pages", "lines"):
        table = other.library.reading(lambda con, name=source: con.sql(f"FROM {name}").to_arrow_table())  # type: ignore[misc]
        made.library.publish_tables(
            "r1", "a", {source: table.cast(other.library.snapshot().dataset(source).schema)}
        )
    publish(made.library, draw(made.library, Design(lines=40, by=())).rows, "spring")
    truths = made.truths | other.truths
    told = [Transcription(x.line_id, truths[x.line_id], "Ada") for x in sample_lines(made.library)]
    add_transcriptions(made.library, told)
    save_report(made.library, measure_sample(made.library))
    found = drift(made.library, by="month")
    assert (found.before, found.after) == ("2026-01", "2026-02")
    assert sum(found.comparisons[0].lines) == len(sample_lines(made.library))
