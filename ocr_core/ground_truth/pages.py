"""Ground truth of pages: PAGE and ALTO files.

Coordinates are pixels of the page image, origin top left.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ocr_core.errors import UsageError

Points = NDArray[np.float64]
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".jp2")


@dataclass(frozen=True, slots=True)
class TruthLine:
    """A line of a page. Shapes are float64 [n, 2], without points where the file has none or one without extent.

    Attributes:
        name: its id in the file; `line N`, counted from 1, where it has none.
        text: as the file has it; empty where it has none.
        baseline: at least two different points, or none.
        polygon: its outline, at least three different points, or none.
        box: corners of the box of an ALTO line, or none.
    """

    name: str
    text: str
    baseline: Points
    polygon: Points
    box: Points

    @property
    def outline(self) -> Points:
        """The polygon; the box for want of one."""
        return self.polygon if len(self.polygon) else self.box


@dataclass(frozen=True, slots=True)
class TruthPage:
    """A ground-truth file.

    Attributes:
        name: the file's name without its suffix, after its folder's where there are several folders.
        image: the page image; None where none was found.
        size: width and height of the image as the file states them; None where it does not.
        lines: in the order of the file.
    """

    name: str
    path: Path
    image: Path | None
    size: tuple[int, int] | None
    lines: tuple[TruthLine, ...]


def find_pages(
    places: Sequence[Path], only: Sequence[str] = (), images: Sequence[Path] = ()
) -> list[TruthPage]:
    """The PAGE and ALTO files of folders, by name, and single ones.

    Args:
        places: files; and folders, each searched itself, not its subfolders. A METS file in a folder, the table of contents
            of many exports, is left out.
        only: names (without suffix) of the files wanted, or patterns of them with ``*`` and ``?``; all if empty.
        images: further folders to look for page images in, besides the file's own.

    Raises:
        UsageError: a place is missing, a wanted name is not there, or a file is neither PAGE nor ALTO.
    """
    paths: list[Path] = []
    for place in places:
        if not place.exists():
            raise UsageError(f"There is no {place}.", remedy="Name folders with PAGE or ALTO files.")
        found = sorted(place.glob("*.xml")) if place.is_dir() else [place]
        paths += [path for path in found if not place.is_dir() or path.stem.lower() != "mets"]
    missing = [name for name in only if not any(is_wanted(path.stem, (name,)) for path in paths)]
    if missing:
        raise UsageError(
            f"No ground truth is named {', '.join(missing)}.",
            remedy="Give the names of XML files without their suffix; * stands for any characters.",
        )
    called = _called({path.parent for path in paths})
    return [
        read_page(path, images, called[path.parent] + path.stem)
        for path in paths
        if is_wanted(path.stem, only)
    ]


def is_wanted(name: str, only: Sequence[str]) -> bool:
    """Whether a name is one of `only`, or fits a pattern there with ``*`` and ``?``; every name where `only` is empty."""
    return not only or any(name == one or fnmatchcase(name, one) for one in only)


def read_page(path: Path, images: Sequence[Path] = (), name: str = "") -> TruthPage:
    """Read one PAGE or ALTO file. `name` is what the page is called; by default the file's name without its suffix.

    Raises:
        UsageError: it cannot be read as XML, or is neither PAGE nor ALTO.
    """
    try:
        root = ElementTree.parse(path).getroot()  # noqa: S314  expat bounds the expansion of entities
    except (ElementTree.ParseError, OSError) as error:
        raise UsageError(
            f"{path} cannot be read as XML: {error}", remedy="Repair the file or take it out."
        ) from error
    space, _, kind = root.tag.rpartition("}")
    names = {"p": space[1:]}
    if kind.lower() not in ("pcgts", "alto"):
        raise UsageError(
            f"{path} is neither PAGE nor ALTO.", remedy="Take other XML files out of the folder."
        )
    read_line = _page_line if kind == "PcGts" else _alto_line
    lines = tuple(
        read_line(element, names, f"line {number}")
        for number, element in enumerate(root.iterfind(".//p:TextLine", names), 1)
    )
    return TruthPage(
        name or path.stem, path, _image_of(path, root, names, images), _size_of(root, names), lines
    )


def _called(folders: set[Path]) -> dict[Path, str]:
    """What comes before the names of the pages of each folder, so that no two pages are called the same."""
    if len(folders) < 2:
        return dict.fromkeys(folders, "")
    distinct = len({folder.name for folder in folders}) == len(folders)
    return {folder: f"{folder.name if distinct else folder}/" for folder in folders}


def _page_line(line: ElementTree.Element, names: dict[str, str], name: str) -> TruthLine:
    text, coords, base = (
        line.find(f"p:{tag}", names) for tag in ("TextEquiv/p:Unicode", "Coords", "Baseline")
    )
    return TruthLine(
        line.get("id") or name,
        (text.text or "") if text is not None else "",
        _shape(_numbers(base.get("points", "") if base is not None else ""), 2),
        _shape(_numbers(coords.get("points", "") if coords is not None else ""), 3),
        _shape((), 3),
    )


def _alto_line(line: ElementTree.Element, names: dict[str, str], name: str) -> TruthLine:
    # A hyphen at the end of a line may have an element of its own.
    hyphens = "".join(h.get("CONTENT", "") for h in line.iterfind("p:HYP", names))
    polygon = line.find("p:Shape/p:Polygon", names)
    return TruthLine(
        line.get("ID") or name,
        " ".join(s.get("CONTENT", "") for s in line.iterfind("p:String", names)) + hyphens,
        _shape(_numbers(line.get("BASELINE", "")), 2),
        _shape(_numbers(polygon.get("POINTS", "") if polygon is not None else ""), 3),
        _shape(_corners(line), 3),
    )


def _corners(line: ElementTree.Element) -> tuple[float, ...]:
    try:
        x, y, width, height = (float(line.get(key, "")) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
    except ValueError:
        return ()
    return (x, y, x + width, y, x + width, y + height, x, y + height)


def _numbers(text: str) -> list[float]:
    """Of points of PAGE (`x,y x,y`) and of ALTO 4 (`x y x y`, commas allowed)."""
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


def _shape(numbers: Sequence[float], least: int) -> Points:
    """Points x, y of x, y, x, y …; none where fewer than `least` differ (a baseline of ALTO 3 is one number)."""
    points = np.array(numbers[: len(numbers) // 2 * 2], dtype=np.float64).reshape(-1, 2)
    sound = bool(np.isfinite(points).all()) and len(np.unique(points, axis=0)) >= least
    return points if sound else np.empty((0, 2))


def _size_of(root: ElementTree.Element, names: dict[str, str]) -> tuple[int, int] | None:
    page = root.find(".//p:Page", names)
    if page is None:
        return None
    try:
        width, height = (
            round(float(page.get(one) or page.get(other) or ""))
            for one, other in (("imageWidth", "WIDTH"), ("imageHeight", "HEIGHT"))
        )
    except (ValueError, OverflowError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _image_of(
    path: Path, root: ElementTree.Element, names: dict[str, str], images: Sequence[Path]
) -> Path | None:
    """The image with the file's name, else the one that the file names, in its folder or one of `images`."""
    page, file = root.find(".//p:Page", names), root.find(".//p:fileName", names)
    named = (page.get("imageFilename", "") if page is not None else "") or (
        file.text or "" if file is not None else ""
    )
    wanted = [path.stem + suffix for suffix in IMAGE_SUFFIXES]
    wanted += [Path(named.replace("\\", "/")).name] if named.strip() else []
    found = (folder / name for folder in (path.parent, *images) for name in wanted)
    return next((image for image in found if image.is_file()), None)
