"""The record of a run: one line for each evaluation, and at the end its curves and its table."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ocr_core.models.card import read_card
from ocr_core.training.charts import line_chart, page, table
from ocr_core.training.crnn.schedule import Progress
from ocr_core.training.metrics import ErrorRates

METRICS = "metrics.jsonl"


def note_evaluation(
    folder: Path,
    progress: Progress,
    done: float,
    loss: float,
    held_out_loss: float,
    rate: float,
    mean_cer: float,
    rates: Mapping[str, ErrorRates],
) -> None:
    """Append an evaluation to the record. Losses are for each character; values that are no numbers become null."""
    values = {
        **asdict(progress), "done": done, "loss": loss, "held_out_loss": held_out_loss, "rate": rate, "mean_cer": mean_cer,
    }  # fmt: skip
    line: dict[str, Any] = {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()
    }
    line["rates"] = {name: asdict(r) for name, r in rates.items()}
    with (folder / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read_evaluations(folder: Path) -> list[dict[str, Any]]:
    """The evaluations of a run by step; where a step was evaluated again (a run that resumed), the later one counts."""
    path = folder / METRICS
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [by_step for _, by_step in sorted({line["step"]: line for line in lines}.items())]


def write_curves(folder: Path, stem: str) -> Path:
    """Write `STEM.html` (curves, figures, table; loads nothing) and `STEM.csv` (the table). Returns the page's path."""
    evaluations = read_evaluations(folder)
    header, rows = _table(evaluations)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(["" if v is None else v for v in row] for row in rows)
    _replace(folder / f"{stem}.csv", text.getvalue())
    path = folder / f"{stem}.html"
    _replace(
        path,
        page(
            f"Training of {stem}", _card(folder / f"{stem}.json") + _curves(evaluations) + table(header, rows)
        ),
    )
    return path


def _table(evaluations: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    names = list(dict.fromkeys(name for e in evaluations for name in e["rates"]))
    header = ["step", "epoch", "minutes", "rate", "loss", "held-out loss", "mean CER"]
    header += [f"{kind} {name}" for name in names for kind in ("CER", "WER")]
    rows = []
    for e in evaluations:
        row = [
            e["step"],
            e["epoch"],
            e["seconds"] / 60,
            *(e.get(k) for k in ("rate", "loss", "held_out_loss", "mean_cer")),
        ]
        for name in names:
            rate = e["rates"].get(name, {})
            row += [rate.get("cer"), rate.get("wer")]
        rows.append([round(v, 6) if isinstance(v, float) else v for v in row])
    return header, rows


def _curves(evaluations: list[dict[str, Any]]) -> str:
    def of(key: str) -> list[tuple[float, float]]:
        return [(e["step"], e[key]) for e in evaluations if e.get(key) is not None]

    names = dict.fromkeys(name for e in evaluations for name in e["rates"])
    rates = {
        kind: {
            n: [(e["step"], 100 * e["rates"][n][kind]) for e in evaluations if n in e["rates"]] for n in names
        }
        for kind in ("cer", "wer")
    }
    losses = {"training": of("loss"), "held out": of("held_out_loss")}
    return (
        line_chart("Loss for each character", losses, "nats")
        + line_chart("Learning rate", {"rate": of("rate")}, "")
        + line_chart("Character error rate, held out", rates["cer"], "%")
        + line_chart("Word error rate, held out", rates["wer"], "%")
    )


def _card(path: Path) -> str:
    if not path.exists():
        return ""
    card = read_card(path)
    rows: list[list[object]] = [
        ["weights", card.file],
        ["sha256", card.sha256],
        ["parameters", card.parameters],
    ]
    rows += [[f"{f.name}, {f.lines} lines", f.value] for f in card.figures]
    rows += [[f"data: {d.name}", f"{d.source} ({d.licence})"] for d in card.data]
    return table(["model", f"{card.name} {card.version}"], rows)


def _replace(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, "utf-8")
    part.replace(path)
