"""How published models get onto this machine: from the hub or from a folder, held to what is known of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from ocr_core.errors import MissingDependency, ModelError
from ocr_core.models.card import ModelCard, sha256_of, write_card
from ocr_core.models.pulled import RECORD, Pulled, models_folder, pulled
from ocr_core.models.remote import RemoteModel, remote_model

_DOWNLOADS = "download"

T = TypeVar("T")


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


def drop_downloads(name: str, root: Path | None = None) -> None:
    """Remove the downloaded files of a model whose reader has made its own of them."""
    shutil.rmtree((root or models_folder()) / name / _DOWNLOADS, ignore_errors=True)


def _linked(path: Path, other: Path) -> bool:
    """Give a file a second name, where the disk can. Not moved: files of a download that are alike are one."""
    try:
        os.link(path, other)
    except OSError:
        return False
    return True


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
