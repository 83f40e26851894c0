"""The engine `trocr`: any VisionEncoderDecoder model folder, `microsoft/trocr-base-handwritten` by default.

After Li et al., "TrOCR: Transformer-based Optical Character Recognition with Pre-trained Models" (AAAI 2023).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ocr_core.errors import PageError
from ocr_core.models import sha256_of
from ocr_core.recognizers.device import torch_device
from ocr_core.recognizers.loops import loops
from ocr_core.recognizers.model_folder import WEIGHTS_FILE
from ocr_core.recognizers.pictures import answer_each, check_line
from ocr_core.recognizers.protocol import failed
from ocr_core.recognizers.trocr.file import TrocrFolder, load_folder
from ocr_core.recognizers.trocr.images import model_input, prepared
from ocr_core.records import EngineStamp, Failure, GreyImage, LineImage, Transcript

if TYPE_CHECKING:
    from torch import Tensor

KIND = "trocr"
BEAMS = 4
_BATCH = 16
_NEW_TOKENS = 128


@dataclass(frozen=True, slots=True)
class TrocrReading:
    """A text with the confidence of each of its tokens, 0..1.

    Attributes:
        tokens: pieces of the text and their probabilities, the token that ends it left out.
        confidence: geometric mean of all probabilities, that of the end included.
        ended: the model ended the text by itself.
    """

    text: str
    tokens: tuple[tuple[str, float], ...]
    confidence: float
    ended: bool
    loops: bool


class TrocrRecognizer:
    """Reads lines with a VisionEncoderDecoder model. Make one with `load`."""

    def __init__(
        self,
        loaded: TrocrFolder,
        stamp: EngineStamp,
        *,
        device: str = "auto",
        beams: int = 1,
        cast: bool = True,
    ) -> None:
        """Take a loaded model, which is changed in place.

        Args:
            device: `auto`, `cpu` or `cuda[:n]`.
            beams: width of the search; 1 takes the likeliest token each time.
            cast: to the number type that is fastest on the device; without, weights stay what they are.
        """
        import torch

        self._device = torch_device(device)
        self._loaded = loaded
        # On the CPU float32: rounding to 16 bits would let a line read otherwise in other company.
        self._type = torch.float32 if self._device.type == "cpu" or not cast else torch.bfloat16
        model: Any = loaded.model
        self._model = model.to(self._device, self._type).eval()
        self._stamp = stamp
        self._beams = beams

    @classmethod
    def load(
        cls, folder: Path, *, name: str = "", version: str = "1", device: str = "auto", beams: int = 1
    ) -> TrocrRecognizer:
        """Load a model folder.

        Args:
            name: for the stamp; that of the folder by default.

        Raises:
            MissingDependency, ModelError: see `load_folder`.
        """
        loaded = load_folder(folder)
        stamp = stamp_of(folder, name or folder.name, version, loaded.steps, beams)
        return cls(loaded, stamp, device=device, beams=beams)

    @property
    def stamp(self) -> EngineStamp:
        return self._stamp

    def recognize(self, images: Sequence[LineImage]) -> list[Transcript | Failure]:
        """A transcript or a failure for each picture: same length, same order."""
        answers = answer_each(images, _line, self.readings)
        return [self._answer(image, answer) for image, answer in zip(images, answers, strict=True)]

    def _answer(self, image: LineImage, answer: TrocrReading | PageError) -> Transcript | Failure:
        if isinstance(answer, PageError):
            return failed(image, answer)
        flags = (("loop",) if answer.loops else ()) + (() if answer.ended else ("truncated",))
        return Transcript(image.line_id, answer.text, answer.confidence, self._stamp, flags=flags)

    def readings(self, pictures: Sequence[GreyImage]) -> list[TrocrReading]:
        """Texts with the confidence of their tokens, in order."""
        # Long lines take as many steps as the longest beside them: lines of like proportions go together.
        order = sorted(range(len(pictures)), key=lambda p: pictures[p].shape[1] / pictures[p].shape[0])
        answers: list[TrocrReading | None] = [None] * len(pictures)
        size = max(1, _BATCH // self._beams)
        for first in range(0, len(order), size):
            places = order[first : first + size]
            for place, reading in zip(places, self._read([pictures[p] for p in places]), strict=True):
                answers[place] = reading
        return cast("list[TrocrReading]", answers)

    def _read(self, pictures: Sequence[GreyImage]) -> Iterator[TrocrReading]:
        import torch

        inputs = np.stack(
            [model_input(prepared(p, self._loaded.steps), self._loaded.shape) for p in pictures]
        )
        # At least two rows: one alone may be rounded otherwise.
        if len(inputs) == 1:
            inputs = np.concatenate([inputs, inputs])
        with torch.inference_mode():
            pixels = torch.from_numpy(inputs).to(self._device, self._type)
            encoded = self._model.get_encoder()(pixel_values=pixels)
            sequences = self._generate(encoded)
            scores = self._token_log_probs(encoded, sequences)
        yield from (
            self._reading(ids, row)
            for ids, row in zip(sequences.tolist()[: len(pictures)], scores.tolist(), strict=False)
        )

    def _generate(self, encoded: Any) -> Tensor:
        """Token ids [B, T], the start first. Nothing of the folder's own settings of generation takes effect."""
        from transformers import GenerationConfig
        from transformers.modeling_outputs import BaseModelOutput

        loaded = self._loaded
        self._model.generation_config = GenerationConfig(
            decoder_start_token_id=loaded.start, eos_token_id=loaded.end, pad_token_id=loaded.pad, bos_token_id=loaded.start,
            max_new_tokens=min(_NEW_TOKENS, loaded.longest - 2), num_beams=self._beams, do_sample=False, use_cache=True,
            repetition_penalty=1.0, no_repeat_ngram_size=0, length_penalty=1.0, early_stopping=self._beams > 1,
        )  # fmt: skip
        # Generation repeats the encoder's output for each beam in place; what it gets is its own.
        own = BaseModelOutput(last_hidden_state=encoded.last_hidden_state)
        ids: Tensor = self._model.generate(encoder_outputs=own)
        return ids

    def _token_log_probs(self, encoded: Any, sequences: Tensor) -> Tensor:
        """Natural log probability [B, T - 1] of each token after the start, given those before it."""
        from transformers.modeling_outputs import BaseModelOutput

        own = BaseModelOutput(last_hidden_state=encoded.last_hidden_state)
        out = self._model(encoder_outputs=own, decoder_input_ids=sequences[:, :-1], use_cache=False)
        log_probs = out.logits.float().log_softmax(2)
        chosen: Tensor = log_probs.gather(2, sequences[:, 1:, None]).squeeze(2)
        return chosen

    def _reading(self, ids: list[int], scores: list[float]) -> TrocrReading:
        tokens = ids[1:]
        ended = self._loaded.end in tokens
        length = tokens.index(self._loaded.end) if ended else len(tokens)
        tokenizer = self._loaded.tokenizer
        text = unicodedata.normalize("NFC", str(tokenizer.decode(tokens[:length], skip_special_tokens=True)))
        counted = scores[: length + ended]
        pieces = tuple(
            (str(tokenizer.decode([t])), float(np.exp(s)))
            for t, s in zip(tokens[:length], scores, strict=False)
        )
        confidence = float(np.exp(np.mean(counted))) if counted else 0.0
        return TrocrReading(
            " ".join(text.split()), pieces, min(confidence, 1.0), ended, loops(tokens[:length])
        )


def _line(image: LineImage) -> GreyImage:
    check_line(image.pixels)
    return image.pixels


def stamp_of(
    folder: Path, name: str, version: str, steps: Sequence[str], beams: int, digest: str = ""
) -> EngineStamp:
    """The stamp of a folder; `digest` is the sha256 of its weights where it is known already."""
    settings = {
        "decoding": f"beams-{beams}" if beams > 1 else "greedy",
        "normalisation": "-".join(("plain", *steps)),
    }
    weights = folder / WEIGHTS_FILE
    found = digest or sha256_of(weights if weights.exists() else folder / f"{WEIGHTS_FILE}.index.json")
    return EngineStamp(name, version, found, tuple(sorted(settings.items())))
