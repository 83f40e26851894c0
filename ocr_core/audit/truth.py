"""Ground truth to measure against: PAGE and ALTO files with every line accounted for.

A line or page that cannot be measured becomes an `Omission` with its reason; none disappears. Coordinates are pixels of
the page image, origin top left.
"""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ocr_core.errors import UsageError
from ocr_core.records import Point

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".jp2")
_INVISIBLE = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u0640]")


@dataclass(frozen=True, slots=True)
class TruthLine:
    """A transcribed line. `baseline` is empty where the file has none; `polygon` has at least three points."""

    name: str
    text: str
    polygon: tuple[Point, ...]
    baseline: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Omission:
    """What could not be measured. `line` is empty when it is a whole page."""

    page: str
    line: str
    reason: str


@dataclass(frozen=True, slots=True)
class TruthPage:
    """A ground-truth file.

    Attributes:
        name: the file's name without its suffix, after its folder's where there are several folders.
        image: the page image; None where none was found.
        size: width and height of the image as the file states them; None where it does not.
        omissions: its lines that cannot be measured.
    """

    name: str
    path: Path
    image: Path | None
    size: tuple[int, int] | None
    lines: tuple[TruthLine, ...]
    omissions: tuple[Omission, ...]


def comparable(text: str) -> str:
    """Text as it is compared: NFC, bidi controls and tatweel removed, white space folded; all else counts."""
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", text)).split())


def find_pages(
    folders: Sequence[Path], only: Sequence[str] = (), images: Sequence[Path] = ()
) -> list[TruthPage]:
    """The PAGE and ALTO files of folders, by name.

    Args:
        folders: each is searched itself, not its subfolders.
        only: names (without suffix) of the files wanted; all if empty.
        images: further folders to look for page images in, besides the file's own.

    Raises:
        UsageError: a folder is missing, a wanted name is not there, or a file is neither PAGE nor ALTO.
    """
    paths: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder}.", remedy="Name folders with PAGE or ALTO files.")
        paths += sorted(folder.glob("*.xml"))
    missing = sorted(set(only) - {path.stem for path in paths})
    if missing:
        raise UsageError(
            f"No ground truth is named {', '.join(missing)}.",
            remedy="Give the names of XML files without their suffix.",
        )
    several = len({path.parent for path in paths}) > 1
    return [
        read_page(path, images, f"{path.parent.name}/{path.stem}" if several else path.stem)
        for path in paths
        if not only or path.stem in only
    ]


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
    names, called = {"p": space[1:]}, name or path.stem
    if kind.lower() not in ("pcgts", "alto"):
        raise UsageError(
            f"{path} is neither PAGE nor ALTO.", remedy="Take other XML files out of the folder."
        )
    page = kind == "PcGts"
    lines: list[TruthLine] = []
    omissions: list[Omission] = []
    for number, element in enumerate(root.iterfind(".//p:TextLine", names), 1):
        own = element.get("id" if page else "ID") or f"line {number}"
        line = _page_line(element, names, own) if page else _alto_line(element, names, own)
        if not line.text:
            omissions.append(Omission(called, own, "no text"))
        elif len(set(line.polygon)) < 3:
            omissions.append(Omission(called, own, "no outline"))
        else:
            lines.append(line)
    image, size = _image_of(path, root, names, images), _size_of(root, names)
    return TruthPage(called, path, image, size, tuple(lines), tuple(omissions))


def _page_line(line: ElementTree.Element, names: dict[str, str], name: str) -> TruthLine:
    text, coords, base = (
        line.find(f"p:{tag}", names) for tag in ("TextEquiv/p:Unicode", "Coords", "Baseline")
    )
    return TruthLine(
        name,
        comparable((text.text or "") if text is not None else ""),
        _points(coords.get("points", "") if coords is not None else ""),
        _points(base.get("points", "") if base is not None else ""),
    )


def _alto_line(line: ElementTree.Element, names: dict[str, str], name: str) -> TruthLine:
    text = comparable(" ".join(s.get("CONTENT", "") for s in line.iterfind("p:String", names)))
    shape = line.find("p:Shape/p:Polygon", names)
    polygon = _points(shape.get("POINTS", "") if shape is not None else "")
    return TruthLine(name, text, polygon or _box(line), _points(line.get("BASELINE", "")))


def _box(line: ElementTree.Element) -> tuple[Point, ...]:
    try:
        x, y, width, height = (round(float(line.get(k, ""))) for k in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
    except ValueError:
        return ()
    return ((x, y), (x + width, y), (x + width, y + height), (x, y + height))


def _points(text: str) -> tuple[Point, ...]:
    """Points of PAGE (`x,y x,y`) and of ALTO 4 (`x y x y`, commas allowed); of ALTO 3's one number none."""
    numbers = [round(float(n)) for n in re.findall(r"-?\d+(?:\.\d+)?", text)]
    return tuple(zip(numbers[::2], numbers[1::2], strict=False))


def _size_of(root: ElementTree.Element, names: dict[str, str]) -> tuple[int, int] | None:
    page = root.find(".//p:Page", names)
    if page is None:
        return None
    try:
        width, height = (
            round(float(page.get(one) or page.get(other) or ""))
            for one, other in (("imageWidth", "WIDTH"), ("imageHeight", "HEIGHT"))
        )
    except ValueError:
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
