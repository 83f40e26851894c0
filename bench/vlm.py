#!/usr/bin/env python3
"""Pages a second of the Qwen-VL engine, page mode beside line mode, with the time of each stage, beside what is possible.

    python bench/vlm.py --random 3b --device cuda    full-size Qwen2.5-VL-3B, random weights: speed does not depend on them
    python bench/vlm.py --random tiny                a tiny one, to see on any machine that everything runs
    python bench/vlm.py --model FOLDER               a real model; texts end where it ends them

With random weights every text has the same number of tokens (`--tokens` a page, divided among its lines in line mode). Pages
are noise of `--pixels`: 1,440,000 make 1,836 vision tokens. Nothing is downloaded. The limits are arithmetic: 2 operations a
weight and token at --tflops, weights and cache once a step at --gbps; the defaults are those of an H200 in bfloat16.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", help="folder of a model, or a pulled one's name")
    what.add_argument("--random", choices=["3b", "tiny"], help="random weights of this size")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--pages", type=int, default=256, help="pages of the run (256)")
    parser.add_argument("--rows", type=int, default=256, help="most pictures of a batch (256)")
    parser.add_argument("--batch-tokens", type=int, default=0, help="tokens of a batch; 0: what fits")
    parser.add_argument("--pixels", type=int, default=1_440_000, help="area of a page as the model sees it")
    parser.add_argument("--tokens", type=int, default=400, help="tokens of a page's text (400)")
    parser.add_argument(
        "--lines", type=int, default=20, help="lines of a page in line mode (20); 0: page mode only"
    )
    parser.add_argument(
        "--vary",
        type=float,
        default=0.0,
        help="pictures are up to this share less high: batches are padded (0)",
    )
    parser.add_argument(
        "--static-cache", action="store_true", help="a cache of fixed size, compiled on a GPU"
    )
    parser.add_argument("--tflops", type=float, default=500, help="what the processor multiplies (500)")
    parser.add_argument("--gbps", type=float, default=4300, help="what its memory gives (4300)")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    import torch

    from ocr_core.recognizers.qwen import generate as qwen_generate
    from ocr_core.recognizers.qwen.engine import QwenPageRecognizer
    from ocr_core.recognizers.qwen.pull import load_qwen
    from ocr_core.recognizers.qwen.settings import QwenSettings
    from ocr_core.recognizers.qwen.writer import TorchWriter, number_type

    settings = QwenSettings(
        model=options.model or "random", page_pixels=options.pixels, page_tokens=options.tokens,
        line_tokens=max(1, options.tokens // max(1, options.lines)), retries=0, dtype=options.dtype,
        batch_tokens=options.batch_tokens, batch_rows=options.rows, static_cache=options.static_cache,
    )  # fmt: skip
    started = time.perf_counter()
    if options.random:
        from ocr_core.recognizers.device import torch_device
        from ocr_core.records import EngineStamp

        device = torch_device(options.device)
        qwen_generate.loop_length = lambda tokens: 0  # random weights repeat themselves, and must go on
        loaded = random_model(options.random, device, number_type(settings, device))
        engine = QwenPageRecognizer(
            TorchWriter(loaded, settings, options.device), EngineStamp("random", "1"), settings
        )
    else:
        engine = load_qwen(settings, device=options.device)
        loaded = engine.writer.loaded
    model: Any = loaded.model
    parameters = sum(p.numel() for p in model.parameters())
    print(
        f"{parameters / 1e6:,.1f} M parameters, {model.dtype}, {model.device}, torch {torch.__version__}, "
        f"loaded in {time.perf_counter() - started:.1f} s"
    )
    budget = engine.writer.batches.budget
    print(f"batches of up to {options.rows} pictures and {budget:,} tokens")
    pages = run(engine, settings, "page", options)
    if options.lines:
        lines = run(engine, settings, "line", options)
        print(f"line mode takes {lines / pages:.2f} times as long as page mode")


def run(engine: Any, settings: Any, mode: str, options: argparse.Namespace) -> float:
    """Read the pages in one mode; seconds a page."""
    import numpy as np
    import torch

    from ocr_core.recognizers.qwen.inputs import Request

    rng = np.random.default_rng(1)
    per_page = options.lines if mode == "line" else 1
    width = int((options.pixels / 1.414) ** 0.5)
    shape = (64, 900) if mode == "line" else (int(width * 1.414), width)
    most, tokens = (
        (settings.line_pixels, settings.line_tokens)
        if mode == "line"
        else (settings.page_pixels, settings.page_tokens)
    )
    picture = rng.integers(0, 255, shape, dtype=np.uint8)
    requests = [
        Request(picture[: round(shape[0] * (1 - less))], settings.prompt, most, tokens)
        for less in options.vary * rng.random(options.pages * per_page)
    ]
    loaded = engine.writer.loaded
    engine.readings(requests[: min(len(requests), options.rows)])  # compiles, and finds out what fits
    on_gpu = loaded.model.device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    started, busy = time.perf_counter(), time.process_time()
    answers = engine.readings(requests)
    seconds = time.perf_counter() - started
    busy = time.process_time() - busy
    failed = [answer for answer in answers if isinstance(answer, Exception)]
    if failed:
        raise SystemExit(f"{len(failed)} of {len(answers)} pictures failed: {failed[0]}")
    rows = min(
        options.rows, len(requests), max(1, engine.writer.batches.budget // requests[0].cost(loaded.factor))
    )
    stages = stages_of(engine, requests[:rows])
    vision = stages.pop("vision tokens")
    print(
        f"\n{mode} mode: {options.pages} pages, {len(requests)} pictures of {vision} vision tokens, {tokens} tokens of text"
    )
    print(
        f"  {options.pages / seconds:8.3f} pages/s   {seconds / options.pages:8.4f} s a page   "
        f"{len(requests) * tokens / seconds:10,.0f} tokens/s   {busy / options.pages:.4f} s of processor a page"
    )
    print(f"  a batch of {rows}: " + ", ".join(f"{name} {value:.3f} s" for name, value in stages.items()))
    memory = torch.cuda.max_memory_allocated() / 2**30 if on_gpu else peak_memory()
    print(f"  {memory:.1f} GiB of memory at most")
    limit = limits(loaded.model, vision + prompt_length(loaded, requests[0]), vision, tokens, rows, options)
    print(
        f"  possible: {limit * per_page:.4f} s a page; {limit * len(requests) / seconds:.0%} of that is reached"
    )
    return seconds / options.pages


def stages_of(engine: Any, requests: list[Any]) -> dict[str, Any]:
    """Seconds of one batch by stage; decoding is what is left of the whole batch."""
    import torch

    from ocr_core.recognizers.qwen.generate import generate
    from ocr_core.recognizers.qwen.inputs import model_inputs, prepare

    loaded = engine.writer.loaded

    def now() -> float:
        if loaded.model.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    marks = [now()]
    batch = prepare(loaded, requests)
    marks.append(now())
    inputs = model_inputs(loaded, batch)
    marks.append(now())
    with torch.inference_mode():
        loaded.model.get_image_features(inputs["pixel_values"], inputs["image_grid_thw"])
    marks.append(now())
    generate(loaded, inputs, 1)
    marks.append(now())
    generate(loaded, inputs, batch.new_tokens, static_cache=engine._settings.static_cache)
    marks.append(now())
    prepared, cut, vision, first, whole = (b - a for a, b in pairwise(marks))
    grid = inputs["image_grid_thw"][0].tolist()
    return {
        "preparation": prepared, "patches": cut, "vision": vision, "reading the input": first - vision,
        "writing": whole - first, "vision tokens": grid[1] * grid[2] // loaded.patches.merged**2,
    }  # fmt: skip


def prompt_length(loaded: Any, request: Any) -> int:
    """Tokens of a text before its picture and after it."""
    from ocr_core.recognizers.qwen.inputs import prepare

    inputs = prepare(loaded, [request]).inputs
    pictures = int((inputs["input_ids"] == loaded.model.config.image_token_id).sum())
    return int(inputs["input_ids"].shape[1]) - pictures


def limits(
    model: Any, prompt: int, vision: int, tokens: int, rows: int, options: argparse.Namespace
) -> float:
    """Least seconds for a picture: matrices of all tokens at full speed, and weights and cache read once a step.

    Attention is left out of the operations: some hundredths of them at these lengths.
    """
    eyes = sum(p.numel() for p in model.model.visual.parameters())
    words = sum(p.numel() for p in model.model.language_model.layers.parameters())
    patches = vision * model.config.vision_config.spatial_merge_size**2
    reading = 2 * (eyes * patches + words * prompt) / (options.tflops * 1e12)
    text = model.config.text_config
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    size = model.dtype.itemsize
    cache = 2 * text.num_hidden_layers * text.num_key_value_heads * head * size * (prompt + tokens / 2)
    weights = (words + text.vocab_size * text.hidden_size) * size
    return float(reading + tokens * (weights / rows + cache) / (options.gbps * 1e9))


def random_model(size: str, device: Any, dtype: Any) -> Any:
    """Qwen2.5-VL with random weights: the shape of the 3B model, or a tiny one; with a tokenizer of single bytes."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    from ocr_core.recognizers.qwen.eyes import ease_eyes
    from ocr_core.recognizers.qwen.file import load_folder
    from tests.recognizers.qwen_tiny import save_tiny_qwen

    with tempfile.TemporaryDirectory() as folder:
        path = save_tiny_qwen(Path(folder) / "tiny")
        loaded = load_folder(path)
        config = AutoConfig.from_pretrained(path)
    if size == "3b":
        text, eyes = config.text_config, config.vision_config
        for name, value in {
            "vocab_size": 151_936, "hidden_size": 2048, "intermediate_size": 11_008, "num_hidden_layers": 36,
            "num_attention_heads": 16, "num_key_value_heads": 2, "max_position_embeddings": 128_000,
            "layer_types": ["full_attention"] * 36, "initializer_range": 0.02,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
        }.items():  # fmt: skip
            setattr(text, name, value)
        for name, value in {
            "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 2048,
            "fullatt_block_indexes": [7, 15, 23, 31], "window_size": 112, "initializer_range": 0.02,
        }.items():  # fmt: skip
            setattr(eyes, name, value)
        config.tie_word_embeddings = True
        torch.manual_seed(0)
        with torch.device(device):
            loaded.model = AutoModelForImageTextToText.from_config(config, dtype=dtype).eval()
        ease_eyes(loaded.model)
    # The end of a text is a token that the tokenizer does not have: no text ends before its time.
    loaded.ends = frozenset({config.text_config.vocab_size - 1})
    return loaded


def peak_memory() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
