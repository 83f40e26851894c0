"""Drift: a planted one is found, none is found where there is none, and the command fails when it must."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from scipy import stats

from ocr_core.audit.metrics.intervals import holm
from ocr_core.audit.results.compare import AuditRows, Comparison, compare

CHARACTERS = 45
SPREAD = 50.0  # of rates of pages about the collection's: sd 0.03 at 0.05
COLLECTIONS = {f"c{n}": 0.03 + 0.01 * n for n in range(10)}


def audited(
    rng: np.random.Generator,
    before: Mapping[str, float],
    after: Mapping[str, float],
    lines: int,
    *,
    per_page: int = 2,
    same_lines: bool = False,
) -> AuditRows:
    """Lines of each collection, of two audits with pages of their own, or of one audit whose lines were read twice."""
    columns: dict[str, list[np.ndarray]] = {name: [] for name in AuditRows.__dataclass_fields__}
    for name in before:
        pages = lines // per_page
        difficulty = rng.random((1 if same_lines else 2, pages))
        for number, (side, rates) in enumerate((("old", before), ("new", after))):
            own = stats.beta.ppf(
                difficulty[0 if same_lines else number], SPREAD * rates[name], SPREAD * (1 - rates[name])
            )
            page = np.repeat(np.arange(pages), per_page)
            draw = "one" if same_lines else side
            for column, values in {
                "source": f"{draw} {side}",
                "side": side,
                "collection": name,
                "page": np.array([f"{name}-{draw}-{n}" for n in page]),
                "stratum": name,
                "stratum_pages": 50_000.0,
                "page_lines": 20.0,
                "errors": rng.binomial(CHARACTERS, np.repeat(own, per_page)).astype(float),
                "totals": float(CHARACTERS),
            }.items():
                columns[column].append(np.broadcast_to(np.asarray(values), (lines,)))
    return AuditRows(**{name: np.concatenate(parts) for name, parts in columns.items()})


def found(rows: AuditRows) -> dict[str, Comparison]:
    comparisons, missing = compare(rows, "old", "new")
    assert missing == ()
    return {comparison.collection: comparison for comparison in comparisons}


def test_a_drift_of_one_point_is_found_with_2000_lines_and_nothing_else() -> None:
    """One of ten collections becomes worse; of 150 such trials 143 found it (bench/audit.py)."""
    after = COLLECTIONS | {"c4": COLLECTIONS["c4"] + 0.01}
    for seed in range(3):
        answers = found(audited(np.random.default_rng(seed), COLLECTIONS, after, 2000))
        assert {name for name, c in answers.items() if c.verdict != "no change"} == {"c4"}
        assert answers["c4"].verdict == "worse"
        assert answers["c4"].difference.value == pytest.approx(0.01, abs=0.006)


def test_ten_unchanged_collections_raise_no_alarm_in_twenty_repetitions() -> None:
    held = 0
    for seed in range(20):
        answers = found(audited(np.random.default_rng(seed), COLLECTIONS, COLLECTIONS, 400))
        assert len(answers) == 11  # and all of them together
        assert {c.verdict for c in answers.values()} == {"no change"}
        held += sum(c.difference.low <= 0 <= c.difference.high for c in answers.values())  # type: ignore[operator]
    assert 0.90 <= held / 220 <= 0.99


def test_the_same_lines_read_twice_are_a_sharper_comparison() -> None:
    rng = np.random.default_rng(5)
    before, after = {"c": 0.06}, {"c": 0.067}
    (apart,) = found(audited(rng, before, after, 600)).values()
    (paired,) = found(audited(rng, before, after, 600, same_lines=True)).values()
    widths = [c.difference.high - c.difference.low for c in (apart, paired)]  # type: ignore[operator]
    assert widths[1] < 0.7 * widths[0]
    assert paired.lines == (600, 600) and paired.pages == (300, 300)


def test_a_difference_has_the_variance_that_students_t_test_gives_it() -> None:
    """Lines of equal length on pages of one line are a two-sample, or a paired, t-test."""
    rng = np.random.default_rng(2)
    rows = audited(rng, {"c": 0.05}, {"c": 0.06}, 80, per_page=1)
    old, new = (rows.errors[rows.side == side] / CHARACTERS for side in ("old", "new"))
    (apart,) = found(rows).values()
    assert apart.p == pytest.approx(stats.ttest_ind(new, old, equal_var=False).pvalue, rel=1e-6)
    rows = audited(rng, {"c": 0.05}, {"c": 0.06}, 80, per_page=1, same_lines=True)
    old, new = (rows.errors[rows.side == side] / CHARACTERS for side in ("old", "new"))
    (paired,) = found(rows).values()
    expected = stats.ttest_rel(new, old)
    assert paired.p == pytest.approx(expected.pvalue, rel=1e-6)
    low, high = expected.confidence_interval()
    assert (paired.difference.low, paired.difference.high) == (pytest.approx(low), pytest.approx(high))


def test_small_differences_and_single_pages_are_no_change() -> None:
    rng = np.random.default_rng(3)
    sure = audited(rng, {"c": 0.05}, {"c": 0.05}, 4000, same_lines=True)
    sure.errors[sure.side == "new"] = sure.errors[sure.side == "old"] + (rng.random(4000) < 0.1)
    (small,) = found(sure).values()
    assert small.adjusted < 1e-6 and small.difference.value == pytest.approx(0.1 / CHARACTERS, rel=0.2)
    assert small.verdict == "no change"
    (counted,) = compare(sure, "old", "new", minimum=0.001)[0]
    assert counted.verdict == "worse"
    one = audited(rng, {"c": 0.05}, {"c": 0.9}, 5, per_page=5)
    (alone,) = found(one).values()
    assert (alone.difference.low, alone.p, alone.verdict) == (None, 1.0, "no change")


def test_collections_on_one_side_only_are_named() -> None:
    rows = audited(np.random.default_rng(4), {"c": 0.05, "d": 0.05}, {"c": 0.05, "d": 0.05}, 40)
    rows.collection[(rows.collection == "d") & (rows.side == "new")] = "e"
    comparisons, missing = compare(rows, "old", "new")
    assert [c.collection for c in comparisons] == ["c"]
    assert missing == ("d", "e")


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
