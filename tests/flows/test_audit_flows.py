"""Audits as flows: artifacts that people see, a state that says what went wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prefect.states import State

from flows.deployments import read_deployments
from ocr_core.audit.sampling.draw import Design, draw, publish
from ocr_core.audit.transcription.samples import sample_lines
from ocr_core.audit.transcription.transcriptions import Transcription, add_transcriptions
from ocr_core.errors import DriftError
from ocr_core.library import Library
from tests.conftest import ROOT
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


def scheduled(library: Library, **others: object) -> State[dict[str, Any]]:
    """Run the flow as a server starts the shipped deployment, in this library."""
    from flows.audit import audit

    [shipped] = [d for d in read_deployments(ROOT / "deploy" / "prefect.yaml") if d["name"] == "monthly"]
    parameters = shipped["parameters"] | {"library": str(library.root)} | others
    return audit(**audit.validate_parameters(parameters), return_state=True)  # type: ignore[no-any-return]


def test_a_drift_fails_the_scheduled_audit_and_says_why(
    prefect_server: None, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert scheduled(library).result()["comparisons"][0]["verdict"] == "no change"
    read_badly(library)
    assert scheduled(library, fail_above=None).result()["comparisons"][0]["verdict"] == "worse"
    assert scheduled(library, fail_above=0.9).is_completed()
    before = len(artifacts("audit-report"))
    state = scheduled(library)
    assert state.is_failed()
    assert "c: CER rose by +" in str(state.message)
    with pytest.raises(DriftError):
        state.result()
    assert len(artifacts("audit-report")) == before + 2
    assert any("Audit spring" in text for text in artifacts("audit-report"))
    assert "| c | 20 and 20 |" in artifacts("audit-drift")[-1]


def test_what_nobody_has_transcribed_is_no_drift(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    new = Library.create(tmp_path / "new")
    assert scheduled(new).result() == {}
    page = document("1.png")
    new.publish("r1", "c", documents=[page], results=[result(page.page(1), "Kew Gardens")])
    publish(new, draw(new, Design(lines=1)).rows, "spring")
    assert scheduled(new).result() == {}
    assert any("no sample is transcribed" in text for text in artifacts("audit-drift"))


def test_outside_of_a_flow_nothing_is_shown(prefect_server: None) -> None:
    from tasks.audit import show

    assert not show("audit-report", "# Audit")
