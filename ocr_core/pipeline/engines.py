"""Which engine reads which script on this machine, and the reader that holds them."""

from __future__ import annotations

import os

from ocr_core.config import ArabicEngine, RunSettings
from ocr_core.errors import MissingDependency
from ocr_core.imaging.settings import ImagingSettings
from ocr_core.layout.classical import ClassicalSegmenter
from ocr_core.layout.crops import CROP_VERSION
from ocr_core.models import packaged_stamp
from ocr_core.pipeline.fingerprint import Fingerprints
from ocr_core.pipeline.read import Deferred, PageReader
from ocr_core.recognizers.register import load_reader as load_line_reader
from ocr_core.recognizers.register import reader_stamp
from ocr_core.records import EngineStamp, Script

ROUTER_MODEL = "script-router"
_NO_ARABIC = Deferred("No engine for Arabic is installed yet; the page waits for one.")
_NO_OTHER = Deferred("No engine reads this script; the page waits for one.")


def engines_for(settings: RunSettings) -> dict[Script, EngineStamp | Deferred]:
    """The stamp of each script's engine, without loading any weights.

    Raises:
        MissingDependency: the Arabic engine that was asked for by name is not there.
    """
    if settings.arabic in (ArabicEngine.VLM, ArabicEngine.CRNN):
        raise MissingDependency(
            f"There is no Arabic engine '{settings.arabic}' in this version of Warraq.",
            remedy="Leave --arabic at 'auto': Arabic pages are routed and wait as pending.",
        )
    return {
        Script.LATIN: reader_stamp(settings.english, settings.decoding),
        Script.ARABIC: _NO_ARABIC,
        Script.OTHER: _NO_OTHER,
    }


def fingerprints_for(settings: RunSettings, engines: dict[Script, EngineStamp | Deferred]) -> Fingerprints:
    segmenter = ClassicalSegmenter()
    preparation: dict[str, object] = {
        "reading": [settings.reading.dpi, settings.reading.existing_text.value],
        "imaging": ImagingSettings().model_dump(mode="json"),
        "segmenter": [segmenter.name, segmenter.version],
        "crops": CROP_VERSION,
        "router": packaged_stamp(ROUTER_MODEL).weights_sha256,
    }
    return Fingerprints(
        preparation, {s: "deferred" if isinstance(e, Deferred) else e for s, e in engines.items()}
    )


def load_reader(settings: RunSettings, *, threads: int) -> PageReader:
    """Load the router and every engine that this run may need, which use `threads` threads of the processor."""
    # Threads that spin while they wait would take the cores of the processes that prepare pages.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    torch.set_num_threads(threads)
    from ocr_core.script.router import ScriptRouter

    engines = engines_for(settings)
    loaded = {
        script: engine
        if isinstance(engine, Deferred)
        else load_line_reader(settings.english, device=settings.device, decoding=settings.decoding)
        for script, engine in engines.items()
    }
    return PageReader(ScriptRouter.load(), loaded, fingerprints_for(settings, engines))
