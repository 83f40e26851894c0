"""The report of a data set before it is learnt from: how much, how long, how large, which characters, what stands out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ocr_core.errors import NothingToDo
from ocr_core.records import GreyImage
from ocr_core.training.charts import bar_chart, histogram, page, picture, shown, table
from ocr_core.training.data.cache import defect_of, document_of, split_of
from ocr_core.training.data.corpora import CorpusSettings
from ocr_core.training.data.ground_truth import cut_lines, read_pages, read_picture, read_pictures
from ocr_core.training.data.text import normalise_text
from ocr_core.training.synthetic.lines import PAD, synthetic_lines

MEASURES = ("characters", "width", "height", "aspect ratio", "pixels a character")
_UNITS = {
    "characters": "",
    "width": "px",
    "height": "px",
    "aspect ratio": "",
    "pixels a character": "line heights / 64",
}
_EXAMPLES = 12
_RARE = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """A transcribed line as its source has it. `pixels` is grey uint8 [height, width], None once it is not needed."""

    corpus: str
    page: str
    document: str
    split: str
    text: str
    height: int
    width: int
    defect: str
    pixels: GreyImage | None = None

    def measure(self, name: str) -> float:
        """One of `MEASURES`; pixels a character are counted at a line height of 64."""
        match name:
            case "characters":
                return len(self.text)
            case "width":
                return self.width
            case "height":
                return self.height
            case "aspect ratio":
                return self.width / self.height
            case _:
                return 64 * self.width / self.height / max(len(self.text), 1)


@dataclass(slots=True)
class DataReport:
    """What a look at a data set found.

    Attributes:
        samples: every line, without pictures.
        characters: how often each occurs.
        examples: some lines with their pictures, evenly drawn.
        outliers: lines with pictures that stand out, with the reason, the farthest out first.
    """

    samples: list[Sample] = field(default_factory=list)
    characters: Counter[str] = field(default_factory=Counter)
    examples: list[Sample] = field(default_factory=list)
    outliers: list[tuple[str, Sample]] = field(default_factory=list)


def corpora_of(folder: Path) -> tuple[CorpusSettings, ...]:
    """The corpora of a file or folder: a Parquet file; or every folder below with Parquet, PAGE, ALTO or .gt.txt files.

    Raises:
        NothingToDo: there are none.
    """
    if folder.is_file():
        return (CorpusSettings(name=folder.stem, format="parquet", path=folder),)
    found = []
    for place in [folder, *sorted(p for p in folder.rglob("*") if p.is_dir())]:
        name = "/".join(place.relative_to(folder.parent).parts)
        if any(place.glob("*.xml")):
            found.append(CorpusSettings(name=name, format="pages", path=place))
        if any(place.glob("*.gt.txt")) and not any(
            place.is_relative_to(c.path) for c in found if c.format == "lines"
        ):
            found.append(CorpusSettings(name=name, format="lines", path=place))
        found += [
            CorpusSettings(name=f"{name}/{p.name}", format="parquet", path=p)
            for p in sorted(place.glob("*.parquet"))
        ]
    if not found:
        raise NothingToDo(
            f"No ground truth in {folder}",
            remedy="Give a folder of PAGE or ALTO files with their images, of *.png with *.gt.txt, or of Parquet files.",
        )
    return tuple(found)


def inspect_corpora(
    corpora: Sequence[CorpusSettings], data: Path, *, outliers: int = 24, seed: int = 1
) -> DataReport:
    """Look at every line of some corpora.

    Args:
        data: folder that their paths start from.
        outliers: how many lines that stand out are kept with their pictures.

    Raises:
        UsageError: a corpus cannot be read.
        NothingToDo: there is no line in them.
    """
    report, rng = DataReport(), random.Random(seed)
    for number, sample in enumerate(_samples(corpora, data)):
        report.samples.append(_bare(sample))
        report.characters.update(sample.text)
        if len(report.examples) < _EXAMPLES:
            report.examples.append(sample)
        elif (place := rng.randrange(number + 1)) < _EXAMPLES:  # reservoir sampling
            report.examples[place] = sample
    if not report.samples:
        raise NothingToDo(
            "There is no transcribed line with a picture in this data.",
            remedy="Put the page images beside their PAGE or ALTO files, or give other folders with --data.",
        )
    far = _outlying(report)[:outliers]
    wanted = {number: reason for reason, number in far}
    pictures = {n: s for n, s in enumerate(_samples(corpora, data)) if n in wanted} if wanted else {}
    report.outliers = [(reason, pictures[number]) for reason, number in far]
    return report


def summary(report: DataReport) -> list[tuple[str, list[str], list[list[object]]]]:
    """The tables of a report: title, header, rows."""
    by_corpus: dict[str, list[Sample]] = {}
    for sample in report.samples:
        by_corpus.setdefault(sample.corpus, []).append(sample)
    counts: list[list[object]] = []
    for name, samples in by_corpus.items():
        splits = Counter(s.split for s in samples)
        counts.append(
            [name, len(samples), len({s.document for s in samples}), len({s.page for s in samples}),
             splits["train"], splits["dev"], splits["none"], sum(bool(s.defect) for s in samples)]
        )  # fmt: skip
    measures: list[list[object]] = []
    for name in MEASURES:
        values = np.array([s.measure(name) for s in report.samples])
        quartiles = [float(q) for q in np.percentile(values, [0, 25, 50, 75, 100])]
        measures.append([name, float(values.mean()), float(values.std()), *quartiles])
    defects = Counter(s.defect for s in report.samples if s.defect)
    rare = " ".join(sorted(c for c, n in report.characters.items() if n < _RARE))
    common = " ".join(f"{_visible(c)}{n}" for c, n in report.characters.most_common(20))
    return [
        (
            "Samples",
            ["corpus", "lines", "documents", "pages", "train", "held out", "left out", "defective"],
            counts,
        ),
        ("Measures", ["", "mean", "deviation", "least", "25 %", "median", "75 %", "most"], measures),
        ("Defects", ["reason", "lines"], [[k, n] for k, n in defects.most_common()]),
        (
            "Characters",
            ["", ""],
            [
                ["different", len(report.characters)],
                ["in all", sum(report.characters.values())],
                ["most frequent", common],
                [f"fewer than {_RARE} times", rare or "none"],
            ],
        ),
    ]


def report_text(report: DataReport) -> str:
    """The tables, the outliers by name, as plain text with tabs between columns."""
    lines: list[str] = []
    for title, header, rows in summary(report):
        if rows:
            lines += ["", f"# {title}", "\t".join(header).rstrip()]
            lines += ["\t".join(shown(value) for value in row) for row in rows]
    lines += ["", "# Outliers"] + [
        f"{s.corpus}\t{s.page}\t{reason}\t{s.text}" for reason, s in report.outliers
    ]
    return "\n".join(lines).strip() + "\n"


def report_html(report: DataReport) -> str:
    """The whole report as a page that loads nothing: tables, distributions, examples, outliers."""
    parts = [f"<h2>{title}</h2>{table(header, rows)}" for title, header, rows in summary(report) if rows]
    parts.append("<h2>Distributions</h2>")
    parts += [histogram(n.capitalize(), [s.measure(n) for s in report.samples], _UNITS[n]) for n in MEASURES]
    frequent = {_visible(c): n for c, n in report.characters.most_common(45)}
    parts += [bar_chart("Most frequent characters", frequent), "<h2>Examples</h2>"]
    parts += [
        picture(s.pixels, f"{s.corpus} · {s.page} · {s.text}")
        for s in report.examples
        if s.pixels is not None
    ]
    parts.append("<h2>Outliers</h2>")
    parts += [
        picture(s.pixels, f"{reason} · {s.corpus} · {s.page} · {s.text}")
        for reason, s in report.outliers
        if s.pixels is not None
    ]
    return page("Data set report", "".join(parts))


def _samples(corpora: Sequence[CorpusSettings], data: Path) -> Iterator[Sample]:
    for corpus in corpora:
        path = data / corpus.path
        for name, text, pixels in _pairs(corpus, path):
            document = document_of(name, corpus)
            height, width = pixels.shape
            text = normalise_text(text)
            defect = defect_of(text, 64 * width / height)
            split = split_of(document, corpus)
            yield Sample(corpus.name, name, document, split, text, height, width, defect, pixels)


def _pairs(corpus: CorpusSettings, path: Path) -> Iterator[tuple[str, str, GreyImage]]:
    if corpus.format == "synthetic":
        for drawn in synthetic_lines(path, corpus.synthetic, seed=1):
            yield drawn.page, drawn.text, drawn.pixels[PAD:-PAD, PAD:-PAD]
        return
    if corpus.format != "pages":
        yield from ((line.page, line.text, pixels) for line, pixels in read_pictures(corpus, path))
        return
    for sheet in read_pages(path):
        strips = cut_lines(read_picture(sheet), sheet.lines)
        for line, strip in zip(sheet.lines, strips, strict=True):
            yield sheet.name, line.text, strip.image


def _bare(sample: Sample) -> Sample:
    return Sample(
        sample.corpus,
        sample.page,
        sample.document,
        sample.split,
        sample.text,
        sample.height,
        sample.width,
        sample.defect,
    )


def _outlying(report: DataReport) -> list[tuple[str, int]]:
    """Reason and number of lines that are defective, hold a rare character, or lie beyond three quartile ranges."""
    far: dict[int, tuple[float, str]] = {}
    for name in MEASURES:
        values = np.array([s.measure(name) for s in report.samples])
        low, high = np.percentile(values, [25, 75])
        distance = np.maximum(low - values, values - high) / max(float(high - low), 1e-9)
        for number in np.flatnonzero(distance > 3).tolist():
            reason = f"{name} {values[number]:.4g}"
            far[number] = max(far.get(number, (0.0, "")), (float(distance[number]), reason))
    for number, sample in enumerate(report.samples):
        rare = sorted({c for c in sample.text if report.characters[c] < _RARE})
        if sample.defect:
            far[number] = (1e6, sample.defect)
        elif rare and number not in far:
            far[number] = (1.0, f"rare: {' '.join(rare)}")
    return [(reason, number) for number, (_, reason) in sorted(far.items(), key=lambda i: -i[1][0])]


def _visible(character: str) -> str:
    return "␣" if character == " " else character
