"""Libraries whose readings are noised texts, so that every error rate is known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ocr_core.library import Library
from ocr_core.library.tables import to_table
from ocr_core.records import line_id, page_id

LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))
WORDS = [
    "the",
    "garden",
    "at",
    "kew",
    "has",
    "sent",
    "a",
    "case",
    "of",
    "orchids",
    "which",
    "sir",
    "joseph",
    "plants",
]
READ_AT = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Noise:
    """How often characters of a page are misread: Beta(a, b), another rate for each page."""

    a: float
    b: float
    engine: str = "crnn-latin"


@dataclass
class Noised:
    """`truths` by line id. `edits` and `characters` are those of the whole library."""

    library: Library
    truths: dict[str, str]
    readings: dict[str, str]


def noised_library(
    folder: Path,
    collections: dict[str, Noise],
    pages: int,
    *,
    lines: tuple[int, int] = (4, 16),
    seed: int = 0,
    created_at: datetime = READ_AT,
) -> Noised:
    """A library with so many pages of each collection, of lines[0]..lines[1] lines. Only letters are misread, each for
    another, so edits are known without counting; confidence tells, roughly, how many."""
    rng = np.random.default_rng(seed)
    made = Noised(Library.create(folder), {}, {})
    for name, noise in collections.items():
        page_rows: list[dict[str, Any]] = []
        line_rows: list[dict[str, Any]] = []
        for number in range(pages):
            doc = hashlib.sha256(f"{name}/{number}/{seed}".encode()).hexdigest()
            rate = rng.beta(noise.a, noise.b)
            place = {
                "page_id": page_id(doc, 1),
                "doc_id": doc,
                "collection": name,
                "source_path": f"{name}-{number}.png",
                "page_number": 1,
                "engine": noise.engine,
                "engine_version": "1",
                "model_sha256": "ab" * 32,
                "run_id": "r1",
                "created_at": created_at,
            }
            own = []
            for order in range(rng.integers(lines[0], lines[1] + 1)):
                truth = " ".join(rng.choice(WORDS, rng.integers(4, 12)))
                reading = misread(rng, truth, rate)
                key = line_id(place["page_id"], order)
                made.truths[key], made.readings[key] = truth, reading
                own.append(
                    place
                    | {
                        "line_id": key,
                        "line_order": order,
                        "x0": 100, "y0": 100 + 50 * order, "x1": 900, "y1": 140 + 50 * order,
                        "polygon_x": [100, 899, 899, 100],
                        "polygon_y": [100 + 50 * order] * 2 + [139 + 50 * order] * 2,
                        "direction": "ltr",
                        "script": "latin",
                        "hand": "hand" if number % 3 else "print",
                        "text": reading,
                        "text_search": reading,
                        "flags": [],
                        "confidence": float(np.clip(1 - rate * rng.uniform(0.5, 1.5), 0, 1)),
                    }
                )  # fmt: skip
            line_rows += own
            confidence = float(np.mean([row["confidence"] for row in own]))
            page_rows.append(
                place
                | {
                    "script": "latin",
                    "status": "done",
                    "lines": len(own),
                    "confidence": confidence,
                    "root": "/in",
                }
            )
        tables = {"pages": to_table("pages", page_rows), "lines": to_table("lines", line_rows)}
        made.library.publish_tables("r1", name, tables, at=created_at)
    return made


def misread(rng: np.random.Generator, text: str, rate: float) -> str:
    """Each letter becomes another one with this probability; spaces stay."""
    characters = np.array(list(text))
    wrong = (rng.random(len(characters)) < rate) & (characters != " ")
    places = np.searchsorted(LETTERS, characters[wrong])
    characters[wrong] = LETTERS[(places + rng.integers(1, 26, wrong.sum())) % 26]
    return "".join(characters)
