"""The language model: true probabilities, whatever was pruned; nothing read from damaged files."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from ocr_core.errors import ModelError
from ocr_core.models import ModelCard, write_card
from ocr_core.recognizers.decoding.ngram import (
    EDGE,
    OTHER,
    NgramModel,
    decoded,
    encoded,
    read_ngram,
    write_ngram,
)
from ocr_core.training.language.kneser_ney import bits_per_character, estimate

LINES = ("the cat sat on the mat", "the dog sat", "a cat and a dog", "that hat", "the end", "on and on") * 2


@pytest.fixture(scope="module")
def model() -> NgramModel:
    return estimate(LINES, 4, (1, 1, 1, 2))


@pytest.fixture(scope="module")
def data(model: NgramModel, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("ngram") / "m.safetensors"
    write_ngram(path, model)
    return path.read_bytes()


@pytest.mark.parametrize("context", ["", "t", "th", "the", EDGE, EDGE + "th", "zzz", "the mat", "é", "xth"])
def test_probabilities_sum_to_one_after_every_context(model: NgramModel, context: str) -> None:
    probabilities = model.probabilities(context)
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-6)
    assert (probabilities > 0).all()


def test_without_quantisation_the_estimate_is_kneser_ney() -> None:
    # Bigrams of "ab" and "ac" between edges, worked by hand. No count occurs twice in the way that the formula of the
    # discounts needs, so they are the fixed ones: 0.5 of a count of 1, 0.75 of more.
    model = estimate(["ab", "ac"], 2, (1, 1))
    size = len(model.alphabet)
    assert model.alphabet == "".join(sorted({EDGE, OTHER, "a", "b", "c"}))
    # Shorter n-grams count how many characters precede each: the edge is preceded by b and c, a by the edge, b and c by a.
    counts = {EDGE: 2, "a": 1, "b": 1, "c": 1}
    ones, twos = 3, 1
    y = ones / (ones + 2 * twos)
    discount = {1: 1 - 2 * y * twos / ones, 2: 2.0}
    discount[2] = min(2 - 3 * y * 0 / twos, 1.9)
    kept = {c: (n - discount[n]) / 5 for c, n in counts.items()}
    left = 1 - sum(kept.values())
    for char, value in kept.items():
        expected = value + left / size
        assert model.probabilities("")[model.place[char]] == pytest.approx(expected, rel=0.06)
    assert model.probabilities("")[model.place[OTHER]] == pytest.approx(left / size, rel=0.2)


def test_frequent_continuations_are_likely(model: NgramModel) -> None:
    after = model.probabilities(model.context("th"))
    assert model.alphabet[int(after.argmax())] == "e"
    assert after[model.place["e"]] > 0.4
    assert model.probabilities(model.context("the mat"))[model.place[EDGE]] > 0.3


def test_a_longer_context_predicts_better(model: NgramModel) -> None:
    rates = [
        bits_per_character(estimate(LINES, n, (1,) * n), ["the cat and a dog", "that mat"]) for n in (1, 2, 4)
    ]
    assert rates[0] > rates[1] > rates[2]


def test_a_line_is_the_product_of_its_characters_and_its_end(model: NgramModel) -> None:
    product = 1.0
    line = "the hat" + EDGE
    for end, char in enumerate(line):
        product *= float(model.probabilities(model.context(line[:end]))[model.place[char]])
    assert model.line_log_probability("the hat") == pytest.approx(math.log(product))


def test_lines_without_limit_have_probability_one(model: NgramModel) -> None:
    """Over all lines of up to two characters and all longer ones together."""
    start = model.probabilities(model.context(""))
    total = float(start[model.place[EDGE]])
    for char in model.alphabet.replace(EDGE, ""):
        after = model.probabilities(model.context(char))
        total += float(start[model.place[char]]) * float(after.sum())
    assert total == pytest.approx(1.0)


def test_rare_ngrams_can_be_left_out() -> None:
    whole, pruned = estimate(LINES, 4, (1, 1, 1, 1)), estimate(LINES, 4, (1, 1, 4, 6))
    sizes = [[len(level.characters) for level in m.levels] for m in (whole, pruned)]
    assert sizes[0][:2] == sizes[1][:2]
    assert sizes[1][2] < sizes[0][2]
    assert 0 < sizes[1][3] < sizes[0][3]
    occurrences = Counter(f"{EDGE}{line}{EDGE}"[i : i + 4] for line in LINES for i in range(len(line) - 1))
    assert sizes[1][3] == sum(n >= 6 for n in occurrences.values())


def test_counts_of_two_texts_are_mixed_by_weight() -> None:
    # After "a" the lines have b once, the prose c three times. Discounts of bigrams are the fixed ones: 0.5 of a count
    # of 1, 0.75 of a count of 3 (worked by hand: too few bigrams occur twice for the formula).
    lines, prose = ["ab", "c"], ["ac"] * 3
    for weight in (1.0, 6.0):
        model = estimate(lines, 2, (1, 1), prose=prose, weight=weight)
        after, shorter = model.probabilities("a"), model.probabilities("")
        total = weight + 3
        stored = {"b": weight * 0.5 / total, "c": (3 - 0.75) / total}
        left = 1 - sum(stored.values())
        for char, value in stored.items():
            expected = value + left * shorter[model.place[char]]
            assert after[model.place[char]] == pytest.approx(expected, rel=0.06)


def test_prose_with_strange_characters_is_left_out() -> None:
    model = estimate(LINES, 3, (1, 1, 1), prose=["the δog", "a mat and a hat"], weight=2)
    assert model.alphabet == estimate(LINES, 3, (1, 1, 1)).alphabet
    assert model.probabilities("a m").sum() == pytest.approx(1.0, abs=1e-6)


def test_bytes_round_down_and_nearly_keep() -> None:
    values = np.concatenate([[0.0, 1e-9, 1e-6, 1.0], np.random.default_rng(0).uniform(0, 1, 500) ** 4])
    kept = decoded(encoded(values))
    assert (kept <= values * (1 + 1e-12)).all()
    large = values > 1.1e-6
    assert (kept[large] >= 0.94 * values[large]).all()
    assert kept[3] == 1.0


def test_a_file_holds_the_whole_model(model: NgramModel, data: bytes) -> None:
    back = read_ngram(data, "m")
    assert (back.alphabet, back.order) == (model.alphabet, model.order)
    for context in ("", "the", EDGE + "a", "q"):
        assert (back.probabilities(context) == model.probabilities(context)).all()


def test_damaged_files_are_refused(data: bytes) -> None:
    wrong = [b"", b"no", data[:-7], pickle.dumps({"a": 1}), save({"x": np.zeros(3, np.uint8)})]
    for bad in wrong:
        with pytest.raises(ModelError):
            read_ngram(bad, "bad.safetensors")


@pytest.mark.parametrize("name", ["0.characters", "1.characters", "1.children", "2.codes"])
def test_tries_that_make_no_sense_are_refused(data: bytes, name: str) -> None:
    header_length = int.from_bytes(data[:8], "little")
    entry = json.loads(data[8 : 8 + header_length])[name]
    first, end = (8 + header_length + n for n in entry["data_offsets"])
    for byte in (b"\xff", b"\x00"):
        bad = data[:first] + byte * (end - first) + data[end:]
        if name == "2.codes" and byte == b"\x00":
            continue  # nothing stored is a model too
        with pytest.raises(ModelError, match="damaged"):
            read_ngram(bad, "bad.safetensors")


def test_weights_are_verified_before_they_are_read(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(data)
    sha = hashlib.sha256(data).hexdigest()
    write_card(tmp_path / "m.json", ModelCard("m", "1", "ngram", "m.safetensors", sha, "Apache-2.0", 1))
    assert NgramModel.load("m", folder=tmp_path).card is not None
    write_card(tmp_path / "m.json", ModelCard("m", "1", "crnn", "m.safetensors", sha, "Apache-2.0", 1))
    with pytest.raises(ModelError, match="not a language model"):
        NgramModel.load("m", folder=tmp_path)
    write_card(tmp_path / "m.json", ModelCard("m", "1", "ngram", "m.safetensors", "0" * 64, "Apache-2.0", 1))
    with pytest.raises(ModelError, match="damaged"):
        NgramModel.load("m", folder=tmp_path)
