#!/usr/bin/env python3
"""Lines a second of TrOCR at full size (334 million parameters) with random weights: speed does not depend on them.

Random weights do not end a text by themselves, so every line is read to a fixed number of tokens, as a line of so many
word pieces would be. Weights and tokenizer are made here and nothing is downloaded.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=8, help="lines in the batch (8)")
    parser.add_argument("--tokens", type=int, default=16, help="tokens of every line (16)")
    parser.add_argument("--threads", type=int, default=2, help="threads of the processor (2)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--beams", type=int, default=1)
    options = parser.parse_args()

    import numpy as np
    import torch

    from ocr_core.recognizers.trocr import engine as trocr
    from ocr_core.records import EngineStamp

    torch.set_num_threads(options.threads)
    trocr._NEW_TOKENS = options.tokens
    loaded = full_size()
    parameters = sum(p.numel() for p in loaded.model.parameters())
    reader = trocr.TrocrRecognizer(
        loaded, EngineStamp("bench", "1"), device=options.device, beams=options.beams
    )
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 255, (64, 900), dtype=np.uint8) for _ in range(options.lines)]
    reader.readings(pictures[:1])
    started, busy = time.perf_counter(), time.process_time()
    reader.readings(pictures)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    print(
        f"{parameters / 1e6:.0f} M parameters  {options.lines} lines of {options.tokens} tokens  beams {options.beams}  "
        f"{options.device}: {options.lines / seconds:.2f} lines/s  ({busy / options.lines:.2f} s of processor a line)"
    )


def full_size():
    """The shape of trocr-base-handwritten: ViT base at 384 × 384, a decoder of 12 layers of 1024, 50,265 word pieces."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        RobertaTokenizer,
        TrOCRConfig,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTConfig,
    )

    from ocr_core.recognizers.trocr.file import TrocrFolder
    from ocr_core.recognizers.trocr.images import InputShape

    encoder = ViTConfig(image_size=384, qkv_bias=False)
    decoder = TrOCRConfig(cross_attention_hidden_size=768, is_decoder=True, add_cross_attention=True)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    model = VisionEncoderDecoderModel(config).eval()
    # As in the published weights, where the word pieces have one table for what goes in and what comes out.
    model.decoder.output_projection.weight = model.decoder.model.decoder.embed_tokens.weight
    words = ["<s>", "<pad>", "</s>", "<unk>", *sorted(ByteLevel.alphabet())]
    words += [f"w{n}" for n in range(decoder.vocab_size - len(words))]
    tokenizer = RobertaTokenizer(vocab={word: place for place, word in enumerate(words)}, merges=[])
    return TrocrFolder(model, tokenizer, InputShape(384, 384), 2, 2, 1, decoder.max_position_embeddings)


if __name__ == "__main__":
    main()
