"""From ground truth to batches: splits by document, one form of text, plans that repeat."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from ocr_core.recognizers.decoding.charset import Charset
from ocr_core.training.crnn.augment import distorted, plain
from ocr_core.training.crnn.batches import epoch_batches, make_batch, plan_epoch
from ocr_core.training.crnn.config import AugmentSettings, TrainSettings
from ocr_core.training.data.cache import NOMINAL, LineCache, document_of, prepare, split_of
from ocr_core.training.data.corpora import CorpusSettings
from ocr_core.training.data.text import is_markup, normalise_text


def test_transcripts_get_one_form() -> None:
    assert normalise_text(" l\u2019e\u0301te\u0301 \u201cx\u201d  \u2014 y\u2026 ") == 'l\'été "x" - y...'
    assert normalise_text("M^r ⟦old⟧ ſo") == "Mr old so"
    assert is_markup("<gap/> text")
    assert is_markup("imp_wikitexte_0022")
    assert is_markup("text [..] text")
    assert not is_markup("A line of 1905 (so)")


def test_whole_documents_are_held_out() -> None:
    corpus = CorpusSettings(
        name="c", path="c", document=r"^(.+)_\d+$", dev_fraction=0.3, exclude=("no",), dev=("yes",)
    )
    assert document_of("letter_7_001", corpus) == "letter_7"
    assert document_of("other", corpus) == "other"
    assert split_of("no", corpus) == "none"
    assert split_of("yes", corpus) == "dev"
    splits = Counter(split_of(f"letter_{n}", corpus) for n in range(1000))
    assert 230 < splits["dev"] < 370
    wider = corpus.model_copy(update={"dev_fraction": 0.5})
    held = [n for n in range(1000) if split_of(f"letter_{n}", corpus) == "dev"]
    assert all(split_of(f"letter_{n}", wider) == "dev" for n in held)


def test_cache_holds_every_line_with_its_surroundings(settings: TrainSettings) -> None:
    folder = prepare(settings)
    cache = LineCache(folder)
    assert len(cache) == 14
    assert sorted(cache.table["text"][r] for r in cache.rows("dev")) == ["bead", "dace"]
    line = cache[0]
    assert line.text == "cab"
    assert line.mask is not None
    assert line.pixels.shape == line.mask.shape
    assert line.pixels.shape[0] == line.top * 2 + NOMINAL
    picture = plain(line, 32)
    assert picture.shape[0] == 32
    assert picture.shape[1] == pytest.approx(cache.width(0) / 2, abs=1)
    assert int(picture.min()) < 60
    assert np.median(picture) > 245
    assert prepare(settings) == folder


def test_distortions_repeat_with_their_seed_and_differ_without(settings: TrainSettings) -> None:
    line = LineCache(prepare(settings))[6]
    for strength in (AugmentSettings(probability=1), AugmentSettings(geometry=3, ink=3, probability=1)):
        one, same, other = (distorted(line, 32, np.random.default_rng(s), strength)[0] for s in (1, 1, 2))
        np.testing.assert_array_equal(one, same)
        assert one.shape[0] == 32
        assert one.shape != other.shape or bool((one != other).any())


def test_views_of_a_line_differ_in_what_is_hidden_and_not_in_shape(settings: TrainSettings) -> None:
    line = LineCache(prepare(settings))[6]
    strength = AugmentSettings(probability=1, ink=0, hide=0.3)
    one, two = distorted(line, 32, np.random.default_rng(1), strength, views=2)
    assert one.shape == two.shape
    both = (one < 255) & (two < 255)
    np.testing.assert_array_equal(one[both], two[both])
    assert bool((one != two).any())


def test_bands_hide_about_their_share_of_a_line(settings: TrainSettings) -> None:
    cache = LineCache(prepare(settings))
    line = max((cache[r] for r in cache.rows("train")), key=lambda line: line.pixels.shape[1])
    open_, hidden = (
        np.concatenate(
            [
                (distorted(line, 32, np.random.default_rng(s), strength)[0] < 255).any(axis=0)
                for s in range(30)
            ]
        ).mean()
        for strength in (
            AugmentSettings(probability=1, ink=1),
            AugmentSettings(probability=1, ink=1, hide=0.3),
        )
    )
    assert 0.6 * open_ < hidden < 0.85 * open_


def test_splicing_needs_a_reader_to_begin_with(settings: TrainSettings) -> None:
    for augment in ({"splice": 0.5}, {"compose": 0.5, "compose_text": "prose.txt"}):
        with pytest.raises(ValueError, match=r"network\.init"):
            TrainSettings.model_validate(settings.model_dump() | {"augment": augment})


def test_composing_needs_one_hand_and_a_text(settings: TrainSettings) -> None:
    values = settings.model_dump() | {"network": {"init": "crnn-latin"}}
    with pytest.raises(ValueError, match="one_hand"):
        TrainSettings.model_validate(values | {"augment": {"compose": 0.5, "compose_text": "prose.txt"}})
    values["corpora"][0]["one_hand"] = True
    with pytest.raises(ValueError, match="compose_text"):
        TrainSettings.model_validate(values | {"augment": {"compose": 0.5}})


def test_an_epoch_takes_every_line_before_any_comes_again(settings: TrainSettings) -> None:
    cache, charset = LineCache(prepare(settings)), Charset(" abcdef")
    rows: list[int] = []
    for epoch in range(3):  # 12 lines to train on, 12 samples an epoch
        plan = plan_epoch(cache, settings, charset, epoch)
        assert plan == plan_epoch(cache, settings, charset, epoch)
        assert all(len(batch) <= 4 for batch in plan)
        rows += [row for batch in plan for row in batch]
    assert set(Counter(rows).values()) == {3}
    assert not set(rows) & set(cache.rows("dev"))


def test_lines_with_unknown_characters_are_not_trained_on(settings: TrainSettings) -> None:
    cache, charset = LineCache(prepare(settings)), Charset(" abcde")
    planned = {row for batch in plan_epoch(cache, settings, charset, 0) for row in batch}
    assert all("f" not in cache.table["text"][row] for row in planned)


def test_batches_from_the_middle_are_those_of_the_whole_epoch(settings: TrainSettings) -> None:
    cache, charset = LineCache(prepare(settings)), Charset(" abcdef")
    whole = dict(epoch_batches(cache, settings, charset, 1))
    rest = dict(epoch_batches(cache, settings, charset, 1, first=2))
    assert list(rest) == [p for p in whole if p >= 2]
    for place, batch in rest.items():
        assert batch.rows == whole[place].rows
        torch.testing.assert_close(batch.images, whole[place].images, rtol=0, atol=0)


def test_parts_of_a_batch_keep_their_targets(settings: TrainSettings) -> None:
    cache, charset = LineCache(prepare(settings)), Charset(" abcdef")
    batch = make_batch(cache, [0, 1, 2, 5, 6], charset, 32)
    assert batch.images.shape[3] % 32 == 0
    texts = []
    for number in (0, 1):
        part = batch.part(number, 2)
        for row, target in zip(part.rows, torch.split(part.targets, part.lengths.tolist()), strict=True):
            assert charset.decode(target.tolist()) == cache.table["text"][row]
            texts.append(row)
        edge = int(part.widths[0])
        assert float(part.images[0, :, :, edge:].abs().sum()) == 0
    assert sorted(texts) == [0, 1, 2, 5, 6]
