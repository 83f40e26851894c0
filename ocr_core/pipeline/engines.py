"""Which engine reads which script on this machine, and the reader that holds them."""

from __future__ import annotations

import os
from dataclasses import replace

from ocr_core.config import ArabicEngine, RunSettings, ScriptChoice
from ocr_core.errors import MissingDependency
from ocr_core.imaging.settings import ImagingSettings
from ocr_core.layout.choice import segmenter_for
from ocr_core.layout.crops import CROP_VERSION
from ocr_core.models import packaged_stamp
from ocr_core.pipeline.fingerprint import Fingerprints
from ocr_core.pipeline.plan import Settled
from ocr_core.pipeline.read import Deferred, PageReader
from ocr_core.recognizers.register import load_reader as load_line_reader
from ocr_core.recognizers.register import reader_stamp
from ocr_core.records import EngineStamp, Script

ARABIC_MODEL = "crnn-ar"
ARABIC_WORKER = "qwen-vl-arabic"
GLYPH_MODEL = "glyphs"
ROUTER_MODEL = "script-router"
_LATER = Deferred("Arabic is left for later (--arabic defer); run again with --arabic auto to read it.")
_NO_OTHER = Deferred("No engine reads this script; the page waits for one.")


def engines_for(settings: RunSettings) -> dict[Script, EngineStamp | Deferred]:
    """The stamp of each script's engine, without loading any weights.

    Raises:
        MissingDependency: the Arabic engine that was asked for by name is not there.
    """
    return {
        Script.LATIN: reader_stamp(settings.english, settings.decoding),
        Script.ARABIC: _arabic_engine(settings),
        Script.OTHER: _NO_OTHER,
    }


def _arabic_engine(settings: RunSettings) -> EngineStamp | Deferred:
    if settings.arabic is ArabicEngine.DEFER:
        return _LATER
    if settings.arabic is ArabicEngine.VLM:
        raise MissingDependency(
            "There is no Qwen-VL worker in this version of Warraq.",
            remedy="Leave --arabic at 'auto': Arabic is then read by the packaged crnn-ar.",
        )
    return reader_stamp(ARABIC_MODEL, settings.decoding)


def settled_for(settings: RunSettings) -> Settled:
    """Which results of a library this run leaves as they are.

    An Arabic page keeps the text of a better engine than this run's, and that of a weaker one unless the run upgrades. An
    engine asked for by name reads all its pages.
    """
    engines = engines_for(settings)
    own = fingerprints_for(settings, engines).all()
    if settings.arabic not in (ArabicEngine.AUTO, ArabicEngine.DEFER):
        return Settled(own)
    arabic = engines[Script.ARABIC]
    if isinstance(arabic, Deferred):  # text is not given up for waiting
        read = settings.model_copy(update={"arabic": ArabicEngine.CRNN})
        return Settled(own, fingerprints_for(read, engines_for(read)).all(), frozenset({ARABIC_WORKER}))
    if arabic.name == ARABIC_MODEL:
        return Settled(own, kept_engines=frozenset({ARABIC_WORKER}))
    weaker = engines | {Script.ARABIC: reader_stamp(ARABIC_MODEL, settings.decoding)}
    return Settled(own, frozenset() if settings.upgrade else fingerprints_for(settings, weaker).all())


def fingerprints_for(settings: RunSettings, engines: dict[Script, EngineStamp | Deferred]) -> Fingerprints:
    segmenter = segmenter_for(settings.layout)
    preparation: dict[str, object] = {
        "reading": [settings.reading.dpi, settings.reading.existing_text.value],
        "imaging": ImagingSettings().model_dump(mode="json"),
        "segmenter": [segmenter.name, segmenter.version],
        "crops": CROP_VERSION,
        "router": packaged_stamp(ROUTER_MODEL).weights_sha256,
    }
    if settings.script is not ScriptChoice.AUTO:
        preparation["script"] = settings.script.value
    used = {s: "deferred" if isinstance(e, Deferred) else e for s, e in engines.items()}
    if isinstance(
        arabic := used[Script.ARABIC], EngineStamp
    ):  # isolated letters among its lines are read by another
        glyphs = ("glyphs", packaged_stamp(GLYPH_MODEL).weights_sha256)
        used[Script.ARABIC] = replace(arabic, settings=(*arabic.settings, glyphs))
    return Fingerprints(preparation, used)


def load_reader(settings: RunSettings, *, threads: int) -> PageReader:
    """Load the router and every engine that this run may need, which use `threads` threads of the processor."""
    # Threads that spin while they wait would take the cores of the processes that prepare pages.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    torch.set_num_threads(threads)
    from ocr_core.script.router import ScriptRouter

    engines = engines_for(settings)
    names = {Script.LATIN: settings.english, Script.ARABIC: ARABIC_MODEL}
    loaded = {
        script: engine
        if isinstance(engine, Deferred)
        else load_line_reader(names[script], device=settings.device, decoding=settings.decoding)
        for script, engine in engines.items()
    }
    script = None if settings.script is ScriptChoice.AUTO else Script(settings.script.value)
    fingerprints = fingerprints_for(settings, engines)
    glyphs = load_line_reader(GLYPH_MODEL, device=settings.device)
    return PageReader(ScriptRouter.load(), loaded, fingerprints, script, glyphs)
