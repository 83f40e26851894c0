"""The sum of a run: every page in is accounted for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ocr_core import __version__
from ocr_core.config import RunSettings
from ocr_core.library import RunRecord
from ocr_core.records import Failure, PageResult, Status


@dataclass
class Account:
    """Counts pages while a run goes on (the one record that changes: it is the run's ledger).

    Attributes:
        discovered: pages found, those already in the library among them; unreadable files count as one page.
        already: pages that were up to date, by status.
        counts: pages of this run, by status.
        started: when the work began, which may be before there was a run to count in.
        seconds: work by stage, summed over processes; more than the wall clock when several work.
    """

    run_id: str
    discovered: int
    already: Counter[Status] = field(default_factory=Counter)
    counts: Counter[Status] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    failures: list[Failure] = field(default_factory=list)
    pending_reasons: Counter[str] = field(default_factory=Counter)
    excerpt: list[str] = field(default_factory=list)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def add(self, results: list[PageResult | Failure]) -> None:
        for result in results:
            if isinstance(result, Failure):
                self.counts[Status.FAILED] += 1
                self.failures.append(result)
                continue
            self.counts[result.status] += 1
            self.lines += len(result.lines)
            self.seconds.update(result.seconds)
            if result.reason:
                self.pending_reasons[result.reason] += 1
            self._quote(result)

    def _quote(self, result: PageResult, most: int = 5) -> None:
        """Keep a few confident lines that engines read, to show people that it worked."""
        for line in result.lines:
            if len(self.excerpt) >= most:
                return
            read = line.transcript
            if read and read.engine.name != "pdf-text" and read.confidence > 0.6 and len(read.text) > 20:
                self.excerpt.append(f"{result.page.source.source_path}#{result.page.number}: {read.text}")
                return

    @property
    def elapsed(self) -> float:
        return (datetime.now(UTC) - self.started).total_seconds()

    @property
    def processed(self) -> int:
        return sum(self.counts.values())

    def total(self, status: Status) -> int:
        return self.counts[status] + self.already[status]

    @property
    def balanced(self) -> bool:
        """discovered = done + blank + failed + pending"""
        return self.discovered == sum(self.total(status) for status in Status)

    def record(self, settings: RunSettings, state: str) -> RunRecord:
        """The run as the library keeps it: `running`, `completed` or `interrupted`."""
        return RunRecord(
            run_id=self.run_id,
            collection=settings.collection,
            sources=tuple(map(str, settings.sources)),
            started_at=self.started,
            finished_at=None if state == "running" else datetime.now(UTC),
            state=state,
            settings=settings.model_dump(mode="json"),
            warraq_version=__version__,
            counts={
                "discovered": self.discovered,
                "skipped": sum(self.already.values()),
                **{status.value: self.total(status) for status in Status},
            },
            stage_seconds=dict(self.seconds),
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "discovered": self.discovered,
            **{status.value: self.total(status) for status in Status},
            "already": sum(self.already.values()),
            "lines": self.lines,
            "elapsed_s": round(self.elapsed, 3),
            "pages_per_s": round(self.processed / self.elapsed, 3) if self.elapsed else 0.0,
            "seconds": {stage: round(seconds, 3) for stage, seconds in sorted(self.seconds.items())},
            "pending_reasons": dict(self.pending_reasons),
            "excerpt": list(self.excerpt),
            "failures": [
                {
                    "source_path": f.source_path,
                    "page_number": f.page_number,
                    "stage": f.stage.value,
                    "kind": f.kind,
                }
                | {"message": f.message, "remedy": f.remedy, "attempts": f.attempts}
                for f in self.failures
            ],
        }
