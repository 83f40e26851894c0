"""Audits as flows: artifacts that people see, a state that says what went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_core.audit.draw import Design, draw, publish
from ocr_core.audit.transcriptions import Transcription, add_transcriptions, sample_lines
from ocr_core.errors import DriftError
from ocr_core.library import Library
from tests.library.make import document, result


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Twenty transcribed lines, read well."""
    library = Library.create(tmp_path / "library")
    documents = [document(f"{n}.png") for n in range(20)]
    library.publish(
        "r1", "c", documents=documents, results=[result(d.page(1), "Kew Gardens") for d in documents]
    )
    publish(library, draw(library, Design(lines=20)).rows, "spring")
    told = [Transcription(line.line_id, "Kew Gardens", "Ada") for line in sample_lines(library)]
    add_transcriptions(library, told)
    return library


def read_badly(library: Library) -> None:
    texts = ("Kew Gordons", "Kew")
    pages = [document(f"{n}.png").page(1) for n in range(20)]
    library.publish("r2", "c", results=[result(page, texts[n % 2]) for n, page in enumerate(pages)])


def artifacts(key: str) -> list[str]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        answer = client._client.post("/artifacts/filter", json={"artifacts": {"key": {"any_": [key]}}})
        return [artifact["data"] for artifact in answer.raise_for_status().json()]


def test_a_drift_fails_the_flow_and_says_why(prefect_server: None, library: Library) -> None:
    from flows.audit import audit_drift, audit_report

    first = audit_report(library.root)
    assert first["overall"]["cer"]["value"] == 0
    read_badly(library)
    audit_report(library.root, label="today")
    assert len(artifacts("audit-report")) == 2
    assert any("Audit spring" in text for text in artifacts("audit-report"))
    assert audit_drift(library.root, fail_above=0.9)["comparisons"][0]["verdict"] == "worse"
    state = audit_drift(library.root, fail_above=0.05, return_state=True)
    assert state.is_failed()
    assert "c: CER rose by +" in str(state.message)
    with pytest.raises(DriftError):
        state.result()
    assert len(artifacts("audit-drift")) == 2


def test_outside_of_a_flow_nothing_is_shown(prefect_server: None) -> None:
    from tasks.audit import show

    assert not show("audit-report", "# Audit")
