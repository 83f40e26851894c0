"""A VisionEncoderDecoder of 0.1 million parameters, saved as `microsoft/trocr-base-handwritten` is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch

from ocr_core.models.remote import REMOTE

HEIGHT, WIDTH = 32, 256


def save_tiny_trocr(folder: Path, *, seed: int = 0, spread: float = 0.2) -> Path:
    """Write model, tokenizer (bytes, so that every text can be written) and preparation. Returns the folder.

    Args:
        spread: of the weights of the decoder; small ones learn, large ones write varied text untrained.
    """
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        RobertaTokenizer,
        TrOCRConfig,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTConfig,
    )

    torch.manual_seed(seed)
    special = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    words = {token: place for place, token in enumerate((*special, *sorted(ByteLevel.alphabet())))}
    tokenizer = RobertaTokenizer(vocab=words, merges=[])
    encoder = ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        image_size=(HEIGHT, WIDTH), patch_size=(HEIGHT, 8), hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        initializer_range=0.1,
    )  # fmt: skip
    decoder = TrOCRConfig(
        vocab_size=len(words), d_model=32, decoder_layers=2, decoder_attention_heads=4, decoder_ffn_dim=64,
        max_position_embeddings=96, dropout=0.0, cross_attention_hidden_size=32, is_decoder=True,
        add_cross_attention=True, decoder_start_token_id=2, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        tie_word_embeddings=False, init_std=spread,
    )  # fmt: skip
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 2, 1, 2
    config.tie_word_embeddings = False
    model = VisionEncoderDecoderModel(config)
    model.generation_config.decoder_start_token_id = 2
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = 2, 1
    # A folder's own settings of generation must not matter: these would spoil every line.
    model.generation_config.min_new_tokens = 50
    model.generation_config.repetition_penalty = 1.8
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    preparation = {
        "image_processor_type": "ViTImageProcessor", "do_normalize": True, "do_rescale": True, "do_resize": True,
        "image_mean": [0.8, 0.8, 0.8], "image_std": [0.2, 0.2, 0.2], "resample": 2,
        "rescale_factor": 1 / 255, "size": {"height": HEIGHT, "width": WIDTH},
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(preparation), "utf-8")
    return folder


def publish(folder: Path, target: Path) -> Path:
    """A folder with the files of the published repository."""
    shutil.copytree(folder, target)
    for file in REMOTE["trocr-base-handwritten"].files:
        if not (target / file).exists():
            (target / file).write_text("{}")
    (target / "merges.txt").write_text("#version: 0.2\n")
    tokens = json.loads((target / "tokenizer.json").read_text())
    (target / "vocab.json").write_text(json.dumps(tokens["model"]["vocab"]))
    (target / "tokenizer.json").unlink()
    return target
