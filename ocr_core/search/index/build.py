"""Making segments of the index: from lines of the library, or from other segments.

A segment answers for some results of pages. Its tables (rows are referred to by their number):

- pages: the key of each result and what filters and ties need, sorted by path and number.
- lines: those that hold words, sorted by page and reading order.
- terms: the vocabulary, sorted; the postings of a term are the rows `first` to `first + count`.
- postings: one row for each word of each line, sorted by term, line and position (from 0).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ocr_core.search.index.fuzzy import measure

Tables = dict[str, pa.Table]
Numbers = NDArray[np.uint32]

SCHEMAS: Final = {
    "pages": pa.schema(
        [
            ("page_id", pa.string()),
            ("run_id", pa.string()),
            ("created_at", pa.timestamp("us", tz="UTC")),
            ("collection", pa.string()),
            ("source_path", pa.string()),
            ("page_number", pa.int32()),
            ("written_at", pa.timestamp("us", tz="UTC")),  # when people last said something about its lines
        ]
    ),
    "lines": pa.schema(
        [
            ("page", pa.uint32()),
            ("line_order", pa.int32()),
            ("words", pa.uint32()),
            ("confidence", pa.float64()),
            ("script", pa.string()),
            ("engine", pa.string()),  # `human` where people have written the line
            ("written", pa.string()),  # what they wrote, and who; else NULL
            ("transcriber", pa.string()),
        ]
    ),
    "terms": pa.schema(
        [
            ("term", pa.string()),
            ("length", pa.uint32()),  # in characters
            ("letters", pa.uint32()),  # `fuzzy.letters_of`
            ("first", pa.uint32()),
            ("count", pa.uint32()),
        ]
    ),
    "postings": pa.schema([("term", pa.uint32()), ("line", pa.uint32()), ("position", pa.uint32())]),
}
POSTINGS_ROWS: Final = 1 << 15  # of a row group: what one rare term costs to read
TERMS_ROWS: Final = 1 << 14
HEADS: Final = b"first terms of row groups"  # key in the metadata of `terms`: a JSON list

_ENCODINGS: Final = {
    "pages": {"page_id": "DELTA_BYTE_ARRAY", "created_at": "DELTA_BINARY_PACKED"},
    "lines": {"page": "DELTA_BINARY_PACKED", "line_order": "DELTA_BINARY_PACKED", "written": "PLAIN"},
    "terms": {
        "term": "DELTA_BYTE_ARRAY",
        "letters": "PLAIN",
        "first": "DELTA_BINARY_PACKED",
    },
    "postings": {"term": "DELTA_BINARY_PACKED", "line": "DELTA_BINARY_PACKED"},
}
_ROWS: Final = {"pages": 1 << 16, "lines": 1 << 17, "terms": TERMS_ROWS, "postings": POSTINGS_ROWS}


@dataclass(frozen=True, slots=True)
class Part:
    """Lines with their words, in any order.

    Attributes:
        pages, lines: of the schemas above.
        terms: the vocabulary, without repetition.
        term, line, position: uint32 [words], each word's row of `terms`, its row of `lines`, its place in the line.
    """

    pages: pa.Table
    lines: pa.Table
    terms: pa.StringArray
    term: Numbers
    line: Numbers
    position: Numbers


def tokenize(pages: pa.Table, lines: pa.Table) -> Part:
    """The part that holds `lines`, whose column `text_search` has the folded words."""
    split = pc.split_pattern(lines["text_search"].combine_chunks().cast(pa.string()), " ")
    words = split.flatten().dictionary_encode()
    counts = np.diff(split.offsets.to_numpy())
    line = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    position = (np.arange(len(line)) - starts).astype(np.uint32)
    columns = lines.append_column("words", pa.array(counts.astype(np.uint32)))
    return Part(
        pages.cast(SCHEMAS["pages"]),
        columns.select(SCHEMAS["lines"].names).cast(SCHEMAS["lines"]),
        words.dictionary,
        np.asarray(words.indices, dtype=np.uint32),
        line,
        position,
    )


def assemble(parts: Sequence[Part]) -> Tables:
    """The tables of one segment that holds all `parts`."""
    pages, page_places = _in_order(
        [part.pages for part in parts], ["source_path", "page_number", "page_id", "created_at"]
    )
    moved = []
    for part, places in zip(parts, page_places, strict=True):
        page = pa.array(places[np.asarray(part.lines["page"])])
        moved.append(part.lines.set_column(0, SCHEMAS["lines"].field("page"), page))
    lines, line_places = _in_order(moved, ["page", "line_order"])
    terms = pc.unique(pa.chunked_array([part.terms for part in parts], pa.string()))
    terms = terms.take(pc.sort_indices(terms))
    postings = _sorted_postings(parts, terms, line_places)
    count = np.bincount(postings[0], minlength=len(terms)).astype(np.uint32)
    lengths, letters = measure(terms)
    return {
        "pages": pages,
        "lines": lines,
        "terms": _table(
            "terms", terms, lengths, letters, (np.cumsum(count) - count).astype(np.uint32), count
        ),
        "postings": _table("postings", *postings),
    }


def write(tables: Tables, targets: dict[str, Path] | dict[str, pa.BufferOutputStream]) -> None:
    """Write each table as a Parquet file, with checksums."""
    for name, target in targets.items():
        table = tables[name]
        if name == "terms":
            heads = table["term"].take(pa.array(range(0, table.num_rows, TERMS_ROWS), pa.int64()))
            table = table.replace_schema_metadata({HEADS: json.dumps(heads.to_pylist())})
        options: dict[str, Any] = {
            "row_group_size": _ROWS[name],
            "use_dictionary": [c for c in table.column_names if c not in _ENCODINGS[name]],
            "column_encoding": _ENCODINGS[name],
            "compression": "zstd",
            "compression_level": 3,
            "write_page_checksum": True,
        }
        pq.write_table(table, target, **options)


def _in_order(tables: list[pa.Table], keys: list[str]) -> tuple[pa.Table, list[Numbers]]:
    """The tables as one, sorted, and for each of them where its rows went."""
    whole = pa.concat_tables(tables)
    order = np.asarray(pc.sort_indices(whole, [(key, "ascending") for key in keys]))
    places = np.empty(len(order), np.uint32)
    places[order] = np.arange(len(order), dtype=np.uint32)
    ends = np.cumsum([table.num_rows for table in tables])
    return whole.take(pa.array(order)).combine_chunks(), np.split(places, ends[:-1])


def _sorted_postings(
    parts: Sequence[Part], terms: pa.StringArray, line_places: list[Numbers]
) -> tuple[Numbers, Numbers, Numbers]:
    term = np.concatenate([np.asarray(pc.index_in(p.terms, terms), dtype=np.uint64)[p.term] for p in parts])
    line = np.concatenate(
        [places[part.line] for part, places in zip(parts, line_places, strict=True)], dtype=np.uint64
    )
    position = np.concatenate([part.position for part in parts], dtype=np.uint64)
    line_bits, position_bits = (int(a.max(initial=0)).bit_length() for a in (line, position))
    if len(terms).bit_length() + line_bits + position_bits > 64:
        order = np.lexsort((position, line, term))
        term, line, position = term[order], line[order], position[order]
    else:  # one number each sorts many times faster
        keys = np.sort(
            term << np.uint64(line_bits + position_bits) | line << np.uint64(position_bits) | position
        )
        term = keys >> np.uint64(line_bits + position_bits)
        line = keys >> np.uint64(position_bits) & np.uint64((1 << line_bits) - 1)
        position = keys & np.uint64((1 << position_bits) - 1)
    return term.astype(np.uint32), line.astype(np.uint32), position.astype(np.uint32)


def _table(name: str, *columns: object) -> pa.Table:
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=SCHEMAS[name])
