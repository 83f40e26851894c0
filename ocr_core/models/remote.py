"""Models that do not come with Warraq: where they are published."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_core.errors import UsageError


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A published model.

    Attributes:
        repo: on the Hugging Face hub.
        revision: commit, branch or tag; the first pull pins the commit.
        files: paths in the repository; with a `*` in them, all that there are of such a name in its topmost folder.
        sha256: known digests of files, by path; the first pull records the others.
        megabytes: about how much is downloaded.
    """

    name: str
    kind: str
    repo: str
    revision: str
    files: tuple[str, ...]
    licence: str
    megabytes: int
    sha256: tuple[tuple[str, str], ...] = ()
    notes: str = ""


REMOTE = {
    model.name: model
    for model in (
        RemoteModel(
            name="crnn-published",
            kind="crnn-published",
            repo="IsmatS/handwriting-recognition-iam",
            revision="main",
            files=("best_model.pth",),
            licence="MIT",
            megabytes=105,
            notes="English handwriting (IAM). Its authors give CER 12.95 %, WER 42.47 % on IAM's validation lines.",
        ),
        RemoteModel(
            name="trocr-base-handwritten",
            kind="trocr",
            repo="microsoft/trocr-base-handwritten",
            revision="326ca415dd5cfe0983bf5a941048b5829a01ac8f",
            files=(
                "model.safetensors",
                "config.json",
                "preprocessor_config.json",
                "tokenizer_config.json",
                "special_tokens_map.json",
                "vocab.json",
                "merges.txt",
            ),
            licence="MIT",
            megabytes=1335,
            notes="English handwriting. Its authors give CER 3.42 % on the test lines of IAM, which it was trained for.",
        ),
        RemoteModel(
            name="qwen-vl-arabic",
            kind="qwen-vl",
            repo="sherif1313/Arabic-English-handwritten-OCR-v3",
            revision="main",
            files=("*.safetensors", "*.json", "*.jinja", "merges*.txt"),
            licence="Qwen Research (of Qwen2.5-VL-3B); see its page",
            megabytes=7600,
            notes="Arabic and English handwriting, a whole fine-tune of Qwen2.5-VL-3B. Wants a GPU of 16 GB or more. It was "
            "trained on Muharaf and KHATT: never measure it on them.",
        ),
    )
}


def remote_model(name: str) -> RemoteModel:
    """A published model by its name.

    Raises:
        UsageError: none has this name.
    """
    try:
        return REMOTE[name]
    except KeyError:
        raise UsageError(
            f"No model {name!r} to pull; there are: {', '.join(sorted(REMOTE))}",
            remedy="`warraq models list` tells which models there are; the others come with Warraq.",
        ) from None
