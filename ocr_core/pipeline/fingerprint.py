"""What can change the text of a page, hashed: a page is read again only when its fingerprint would differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict

from ocr_core.records import EngineStamp, Script

# Raise it when a change of code alters the text of pages without any setting or version below changing.
PIPELINE_VERSION = "1"


class Fingerprints:
    """Fingerprints of one run.

    A page's fingerprint covers how pages are prepared and the engines of the scripts found on it, and nothing else:
    a new Arabic engine does not make English pages stale.

    Args:
        preparation: settings and versions that shape line pictures, in any JSON-like form.
        engines: the stamp of each script's engine, or the reason why there is none.
    """

    def __init__(self, preparation: dict[str, object], engines: dict[Script, EngineStamp | str]) -> None:
        self._preparation = preparation
        self._engines = {
            script: engine if isinstance(engine, str) else asdict(engine)
            for script, engine in engines.items()
        }

    def of(self, scripts: Iterable[Script]) -> str:
        """Fingerprint of a page whose lines go to the engines of `scripts` (empty: no engine is asked)."""
        used = {script.value: self._engines.get(script, "") for script in sorted(set(scripts))}
        text = json.dumps([PIPELINE_VERSION, self._preparation, used], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def all(self) -> frozenset[str]:
        """Every fingerprint that this run could give a page: a page that has one of them is up to date."""
        combinations: list[tuple[Script, ...]] = [()]
        for script in sorted(self._engines):
            combinations += [(*chosen, script) for chosen in combinations]
        return frozenset(self.of(chosen) for chosen in combinations)
