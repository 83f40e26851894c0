"""Models that do not come with Warraq: where they are published, and how they get onto this machine and stay what they were.

A first pull records the revision and the sha256 of every file; from then on this record is what the files are held to, so
that nothing changes unnoticed between two runs.

    MODELS/NAME/pulled.json      revision and sha256 of the files as published
    MODELS/NAME/…                the files, or what a reader made of them, with a model card
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from ocr_core.errors import MissingDependency, ModelError, UsageError
from ocr_core.models.card import ModelCard, read_card, sha256_of, write_card

MODELS_VARIABLE = "WARRAQ_MODELS"
RECORD = "pulled.json"
_DOWNLOADS = "download"

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class Pulled:
    """What was pulled: the revision (`local` for a file given by hand) and the sha256 of each file as published."""

    revision: str
    sha256: dict[str, str]


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


def models_folder() -> Path:
    """Where pulled models are kept: WARRAQ_MODELS, or `~/.cache/warraq/models`."""
    return Path(os.environ.get(MODELS_VARIABLE) or Path.home() / ".cache" / "warraq" / "models").expanduser()


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


def pulled(name: str, root: Path | None = None) -> Pulled | None:
    """The record of a model's first pull, None where it was never pulled.

    Raises:
        ModelError: the record is damaged.
    """
    path = (root or models_folder()) / name / RECORD
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_text("utf-8"))
        return Pulled(str(values["revision"]), {str(k): str(v) for k, v in values["sha256"].items()})
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(
            f"{path} is damaged: {error}", remedy=f"Remove {path.parent} and pull again."
        ) from error


def pulled_cards(root: Path | None = None) -> list[ModelCard]:
    """The cards of all models that were pulled, by name.

    Raises:
        ModelError: a card is damaged.
    """
    folder = root or models_folder()
    return [read_card(path) for name in sorted(REMOTE) if (path := folder / name / f"{name}.json").exists()]


@contextmanager
def fetched(
    model: RemoteModel, source: Path | None = None, root: Path | None = None
) -> Iterator[dict[str, Path]]:
    """Bring the files of a model here and hold them to their digests; they are recorded when the block ends without error.

    So a file that turns out to be damaged is not what later pulls are held to.

    Args:
        source: a file, or a folder with the files, to take instead of downloading.
        root: instead of `models_folder()`.

    Yields:
        Their paths by name in the repository.

    Raises:
        MissingDependency: the hub cannot be reached, or refuses.
        ModelError: a file is missing or is not the one that was known or pulled first.
    """
    folder = (root or models_folder()) / model.name
    before = pulled(model.name, root)
    if source is None:
        paths, revision = _downloaded(model, before, folder / _DOWNLOADS)
    else:
        paths, revision = _given(model, source), before.revision if before else "local"
    found = {name: sha256_of(path) for name, path in paths.items()}
    for expected, whence in (
        (dict(model.sha256), "that Warraq knows"),
        (before.sha256 if before else {}, "pulled first"),
    ):
        for name, digest in found.items():
            if expected.get(name, digest) != digest:
                raise ModelError(
                    f"{name} of {model.name} is not the file {whence}: sha256 {digest}, not {expected[name]}",
                    remedy=f"If its authors replaced it and you trust the new one, remove {folder} and pull again.",
                )
    yield paths
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{RECORD}.part"
    part.write_text(json.dumps(asdict(Pulled(revision, found)), indent=2) + "\n", "utf-8")
    part.replace(folder / RECORD)


def place_files(paths: Mapping[str, Path], folder: Path, *, downloaded: bool) -> None:
    """Put files by their names into a folder, each whole or not at all.

    Args:
        downloaded: to be removed soon, and need not be there twice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file, path in paths.items():
        part = folder / f"{file}.part"
        part.unlink(missing_ok=True)
        if not (downloaded and _linked(path.resolve(), part)):
            shutil.copyfile(path, part)
        part.replace(folder / file)


def _linked(path: Path, other: Path) -> bool:
    """Give a file a second name, where the disk can. Not moved: files of a download that are alike are one."""
    try:
        os.link(path, other)
    except OSError:
        return False
    return True


def verified_folder(name: str, root: Path | None = None) -> Path:
    """The folder of a pulled model, every file just checked against the sha256 recorded when it was pulled.

    Raises:
        ModelError: it was not pulled, or a file is missing or is another than was pulled.
    """
    folder = (root or models_folder()) / name
    record = pulled(name, root)
    if record is None or not (folder / f"{name}.json").exists():
        raise ModelError(f"{name} is not on this machine", remedy=f"Run `warraq models pull {name}`.")
    for file, digest in record.sha256.items():
        path = folder / file
        if not path.exists() or sha256_of(path) != digest:
            raise ModelError(
                f"{path} is missing or is not the file that was pulled",
                remedy=f"Remove {folder} and run `warraq models pull {name}`.",
            )
    return folder


def pull_folder(
    name: str,
    load: Callable[[Path], T],
    describe: Callable[[RemoteModel, Mapping[str, Path], T], ModelCard],
    source: Path | None = None,
    root: Path | None = None,
) -> ModelCard:
    """Pull a model that is a folder of files, load it once to see that it is whole, and write its card beside it.

    Args:
        load: of the folder as published.
        describe: the card, from the model, its files by name where they now lie, and what was loaded.
        source, root: as for `fetched`.

    Raises:
        MissingDependency: the hub cannot be reached.
        ModelError: the files are not those pulled first, or not a whole model.
    """
    model = remote_model(name)
    folder = (root or models_folder()) / name
    with fetched(model, source, root) as paths:
        try:
            loaded = load(paths["config.json"].parent)
        except ModelError:
            drop_downloads(name, root)  # so that the next pull does not find them again
            raise
        place_files(paths, folder, downloaded=source is None)
        card = describe(model, {file: folder / file for file in paths}, loaded)
    write_card(folder / f"{name}.json", card)
    drop_downloads(name, root)
    return card


def drop_downloads(name: str, root: Path | None = None) -> None:
    """Remove the downloaded files of a model whose reader has made its own of them."""
    shutil.rmtree((root or models_folder()) / name / _DOWNLOADS, ignore_errors=True)


def _given(model: RemoteModel, source: Path) -> dict[str, Path]:
    if source.is_dir():
        paths: dict[str, Path] = {}
        for name in model.files:
            # A pattern may match nothing: what a model needs, its loader knows.
            found = sorted(source.glob(name)) if "*" in name else [source / name]
            paths |= {path.name if "*" in name else name: path for path in found}
    elif len(model.files) == 1:
        paths = {model.files[0]: source}
    else:
        paths = {}
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing or not paths:
        raise ModelError(
            f"{', '.join(missing) or source} is not there",
            remedy=f"Give a folder with {', '.join(model.files)}" + (", or the file." if paths else "."),
        )
    return paths


def _downloaded(model: RemoteModel, before: Pulled | None, cache: Path) -> tuple[dict[str, Path], str]:
    from huggingface_hub import HfApi, hf_hub_download

    revision = before.revision if before and before.revision != "local" else model.revision
    paths = {}
    try:
        names = model.files
        if any("*" in name for name in names):
            api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
            listed = api.list_repo_files(model.repo, revision=revision)
            names = tuple(
                f for f in sorted(listed) if "/" not in f and any(fnmatchcase(f, name) for name in names)
            )
        for name in names:
            paths[name] = Path(
                hf_hub_download(
                    model.repo,
                    name,
                    revision=revision,
                    cache_dir=cache,
                    endpoint=os.environ.get("HF_ENDPOINT"),
                    etag_timeout=20,
                )
            )
            parts = paths[name].parts  # …/snapshots/COMMIT/path of the file
            revision = parts[len(parts) - 1 - parts[::-1].index("snapshots") + 1]
    except Exception as error:  # the hub's own errors, and those of whichever HTTP client it uses
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MissingDependency(
            f"{model.name} cannot be downloaded from {model.repo}: {first}",
            remedy="Connect this machine to the internet for the pull, or copy "
            f"{', '.join(model.files)} here and run `warraq models pull {model.name} --from PATH`.",
        ) from error
    return paths, revision
