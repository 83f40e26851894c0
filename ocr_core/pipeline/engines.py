"""Which engine reads which script on this machine, and the reader that holds them."""

from __future__ import annotations

import os
from dataclasses import replace

from ocr_core.config import ArabicEngine, RunSettings, ScriptChoice
from ocr_core.imaging.orientation import MODEL as ORIENTATION_MODEL
from ocr_core.layout.choice import segmenter_for
from ocr_core.layout.crops import CROP_VERSION
from ocr_core.models import packaged_stamp
from ocr_core.models.pulled import pulled_cards
from ocr_core.models.remote import REMOTE
from ocr_core.pipeline.fingerprint import Fingerprints
from ocr_core.pipeline.plan import Settled
from ocr_core.pipeline.read import Deferred, PageReader
from ocr_core.recognizers.protocol import Recognizer
from ocr_core.recognizers.register import load_reader as load_line_reader
from ocr_core.recognizers.register import reader_stamp
from ocr_core.records import EngineStamp, Script

ARABIC_MODEL = "crnn-ar"
ARABIC_WORKER = "qwen-vl-arabic"
GLYPH_MODEL = "glyphs"
ROUTER_MODEL = "script-router"
LATER = Deferred("Arabic is left for later (--arabic defer); run again with --arabic auto to read it.")
_NO_OTHER = Deferred("No engine reads this script; the page waits for one.")


def engines_for(settings: RunSettings) -> dict[Script, EngineStamp | Deferred]:
    """The stamp of each script's engine, without loading any weights.

    Raises:
        ModelError: the Arabic engine that was asked for by name is not there.
    """
    return {
        Script.LATIN: reader_stamp(settings.english, settings.decoding),
        Script.ARABIC: _arabic_engine(settings),
        Script.OTHER: _NO_OTHER,
    }


def _arabic_engine(settings: RunSettings) -> EngineStamp | Deferred:
    if settings.arabic is ArabicEngine.DEFER:
        return LATER
    if _vlm_reads_arabic(settings):
        return _vlm_stamp(settings)
    return reader_stamp(ARABIC_MODEL, settings.decoding)


def _vlm_reads_arabic(settings: RunSettings) -> bool:
    """Whether Qwen-VL reads the Arabic lines: when it was asked for, or when it is here and has a GPU."""
    if settings.arabic is not ArabicEngine.AUTO:
        return settings.arabic is ArabicEngine.VLM
    if settings.vlm.model in REMOTE and not _pulled(settings.vlm.model):
        return False
    return _has_gpu(settings)


def _has_gpu(settings: RunSettings) -> bool:
    if settings.device == "cpu":
        return False
    import torch

    return torch.cuda.is_available()


def _pulled(name: str) -> bool:
    return any(card.name == name for card in pulled_cards())


def _vlm_stamp(settings: RunSettings) -> EngineStamp:
    from ocr_core.recognizers.qwen.pull import qwen_stamp

    return qwen_stamp(settings.vlm)


def pages_together(settings: RunSettings) -> int:
    """Pages that are read and published together: a GPU that writes texts token by token is busy with many only."""
    least = settings.vlm.batch_rows if _vlm_reads_arabic(settings) and _has_gpu(settings) else 0
    return max(settings.batch_pages, least)


def picture_pixels(settings: RunSettings) -> int:
    """Area of the pictures of whole pages that the engines of a run want; 0: none."""
    return settings.vlm.page_pixels if settings.vlm.mode == "page" and _vlm_reads_arabic(settings) else 0


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
        "imaging": settings.imaging.model_dump(mode="json"),
        "orientation": packaged_stamp(ORIENTATION_MODEL).weights_sha256,
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
    loaded = {
        script: engine if isinstance(engine, Deferred) else _loaded(script, settings)
        for script, engine in engines.items()
    }
    script = None if settings.script is ScriptChoice.AUTO else Script(settings.script.value)
    fingerprints = fingerprints_for(settings, engines)
    glyphs = load_line_reader(GLYPH_MODEL, device=settings.device)
    return PageReader(ScriptRouter.load(), loaded, fingerprints, script, glyphs)


def _loaded(script: Script, settings: RunSettings) -> Recognizer:
    if script is Script.ARABIC and _vlm_reads_arabic(settings):
        from ocr_core.recognizers.qwen.pull import load_qwen

        return load_qwen(settings.vlm, device=settings.device)
    name = ARABIC_MODEL if script is Script.ARABIC else settings.english
    return load_line_reader(name, device=settings.device, decoding=settings.decoding)
