"""Batches of a Qwen-VL model: like costs together, smaller when memory runs out, a bad picture alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from ocr_core.errors import PageError
from ocr_core.recognizers.qwen.batches import Batches
from ocr_core.recognizers.qwen.engine import QwenPageRecognizer
from ocr_core.recognizers.qwen.generate import Generated
from ocr_core.recognizers.qwen.inputs import Request, plan_batches
from ocr_core.records import Failure, PagePicture, PageText
from tests.recognizers.qwen_tiny import Lesson


def requests_of(count: int) -> list[Request]:
    return [Request(np.full((28, 28 * (n + 1)), n, np.uint8), "card", 1_000_000, 10) for n in range(count)]


class Model:
    """Reads the grey of each picture; fails as it is told."""

    def __init__(self, *, most: int = 1000, bad: frozenset[int] = frozenset(), error: str = "odd") -> None:
        self.most, self.bad, self.error = most, bad, error
        self.sizes: list[int] = []

    def __call__(self, requests: Sequence[Request]) -> list[Generated]:
        self.sizes.append(len(requests))
        if len(requests) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        if any(int(r.pixels[0, 0]) in self.bad for r in requests):
            raise RuntimeError(self.error)
        return [Generated((int(r.pixels[0, 0]),), (0.0,), True) for r in requests]


def read_by(model: Model, count: int, batches: Batches | None = None) -> list[int | str]:
    answers = (batches or Batches(100_000, 16, 28)).run(requests_of(count), model)
    return [answer.kind if isinstance(answer, PageError) else answer.tokens[0] for answer in answers]


def test_a_picture_that_breaks_the_model_fails_alone() -> None:
    model = Model(bad=frozenset({3, 9}))
    assert read_by(model, 12) == [0, 1, 2, "engine-error", 4, 5, 6, 7, 8, "engine-error", 10, 11]


@pytest.mark.parametrize("most", [1, 3])
def test_batches_shrink_until_they_fit_and_stay_small(most: int) -> None:
    model, batches = Model(most=most), Batches(100_000, 16, 28)
    assert read_by(model, 12, batches) == list(range(12))
    model.sizes.clear()
    assert read_by(model, 12, batches) == list(range(12))
    assert max(model.sizes) <= 2 * most


def test_a_picture_for_which_there_is_never_memory_fails_alone() -> None:
    model = Model(bad=frozenset({5}), error="[enforce fail] DefaultCPUAllocator: can't allocate memory")
    assert read_by(model, 8) == [0, 1, 2, 3, 4, "out-of-memory", 6, 7]


def test_a_lost_gpu_is_not_asked_in_vain() -> None:
    model = Model(bad=frozenset({0}), error="CUDA error: device-side assert triggered")
    assert read_by(model, 8) == ["gpu-error"] * 8
    assert len(model.sizes) == 1


def test_batches_hold_like_costs_and_keep_the_budget() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        costs = rng.integers(1, 500, int(rng.integers(0, 40))).tolist()
        budget, rows = int(rng.integers(100, 3000)), int(rng.integers(1, 12))
        plan = plan_batches(costs, budget, rows)
        assert sorted(place for batch in plan for place in batch) == list(range(len(costs)))
        for batch in plan:
            assert len(batch) <= rows
            assert len(batch) == 1 or max(costs[p] for p in batch) * len(batch) <= budget
        ordered = [costs[p] for batch in plan for p in batch]
        assert ordered == sorted(costs, reverse=True)


def test_a_page_that_is_no_picture_fails_alone(engine: QwenPageRecognizer, lessons: list[Lesson]) -> None:
    page = PagePicture("p-00001", lessons[0].request.pixels)
    bad = [
        PagePicture("p-00002", np.zeros((5, 900), np.uint8)),
        PagePicture("p-00003", np.zeros((90, 90, 3), np.uint8)),
        PagePicture("p-00004", np.zeros((30, 9000), np.uint8)),
    ]
    answers = engine.recognize_pages([bad[0], page, *bad[1:]])
    assert [type(answer) for answer in answers] == [Failure, PageText, Failure, Failure]
    assert [answer.page_id for answer in answers] == ["p-00002", "p-00001", "p-00003", "p-00004"]
    assert engine.recognize_pages([]) == []
