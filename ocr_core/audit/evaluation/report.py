"""Evaluations as people and programs want them: text, JSON, and a page of HTML that needs nothing but itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ocr_core.audit.evaluation.evaluate import Evaluation
from ocr_core.audit.figures import bounded, visible
from ocr_core.audit.html import PLOT, differences, picture_uri, plot_points, templates
from ocr_core.harmless import printable


def as_json(evaluation: Evaluation, *, lines: bool = False) -> dict[str, Any]:
    """An evaluation as plain values; with `lines`, also every line's texts and edits."""
    stamp = evaluation.engine
    values: dict[str, Any] = {
        "engine": {
            "name": stamp.name,
            "version": stamp.version,
            "weights_sha256": stamp.weights_sha256,
            "settings": dict(stamp.settings),
        },
        "pages": len(evaluation.pages),
        "lines": len(evaluation.scores),
        "characters": sum(p.characters for p in evaluation.pages),
        "cer": asdict(evaluation.cer),
        "wer": asdict(evaluation.wer),
        "folded": [asdict(rates) for rates in evaluation.folded],
        "calibration_error": evaluation.calibration_error,
        "seconds": evaluation.seconds,
        "by_page": [asdict(p) | {"cer": p.cer, "wer": p.wer} for p in evaluation.pages],
        "confusions": [asdict(c) for c in evaluation.confusions],
        "reliability": [asdict(b) for b in evaluation.reliability],
        "worst": [asdict(w.score) for w in evaluation.worst],
        "omissions": [asdict(o) for o in evaluation.omissions],
        "unread": [asdict(o) for o in evaluation.unread],
    }
    if lines:
        values["by_line"] = [asdict(s) for s in evaluation.scores]
    return values


def as_text(evaluation: Evaluation, most: int = 15) -> str:
    """Tab-separated rates of every page, then a summary; `most` confusions."""
    rows = ["page\tlines\tcharacters\tCER\tWER"]
    rows += [
        f"{printable(p.page)}\t{p.lines}\t{p.characters}\t{p.cer:.4f}\t{p.wer:.4f}" for p in evaluation.pages
    ]
    stamp = evaluation.engine
    settings = ", ".join(f"{key} {value[:12]}" for key, value in stamp.settings)
    lines = len(evaluation.scores)
    rows += [
        "",
        f"engine\t{stamp.name} {stamp.version} ({settings})",
        f"pages\t{len(evaluation.pages)}",
        f"lines\t{lines}",
        f"CER\t{bounded(evaluation.cer)}",
        f"WER\t{bounded(evaluation.wer)}",
        *(f"CER, {f.name}\t{bounded(f.cer)}\nWER, {f.name}\t{bounded(f.wer)}" for f in evaluation.folded),
        f"expected calibration error\t{evaluation.calibration_error:.4f}",
        f"lines a second\t{lines / max(evaluation.seconds, 1e-9):.0f}",
    ]
    frequent = [f"{visible(c.truth)}→{visible(c.reading)} {c.count}" for c in evaluation.confusions[:most]]
    rows.append("confusions\t" + (", ".join(frequent) or "none"))
    return "\n".join(rows) + "\n"


def as_html(evaluation: Evaluation, most: int = 60) -> str:
    """A self-contained page: style, plot and line pictures inside, no script, no network. All texts are escaped."""
    return (
        templates()
        .get_template("evaluation.html.j2")
        .render(
            evaluation=evaluation,
            characters=sum(p.characters for p in evaluation.pages),
            pages=sorted(evaluation.pages, key=lambda p: -p.cer),
            confusions=evaluation.confusions[:most],
            worst=[
                (line.score, picture_uri(line.pixels), list(differences(line.score)))
                for line in evaluation.worst
            ],
            plot=plot_points(evaluation.reliability),
            side=PLOT,
        )
    )
