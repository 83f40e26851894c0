"""The other scheduled job: what waits in a library is read by workers."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.shards.dispatch import hand_out
from ocr_core.pipeline.shards import DispatchSettings


@flow(name="dispatch", persist_result=False, validate_parameters=True)
def dispatch(settings: DispatchSettings) -> list[dict[str, Any]]:
    """Hand waiting pages to workers until each has its answer; the account of each run that this made."""
    return hand_out(settings)
