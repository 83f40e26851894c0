"""How rows lie in the Parquet files: their order, row groups, compression and encodings."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from ocr_core.library.schemas import INTS, SCHEMAS, STRINGS

# How the rows of a file are ordered: by document, page, line.
SORT_KEYS: Final[dict[str, list[str]]] = {
    "documents": ["doc_id", "created_at"],
    "pages": ["doc_id", "page_number", "created_at"],
    "lines": ["doc_id", "page_number", "created_at", "line_order"],
    "failures": ["source_path", "page_number", "created_at"],
    "runs": ["run_id", "created_at"],
    "ground_truth": ["doc_id", "page_number", "line_order", "created_at"],
    "samples": ["audit_id", "number", "created_at"],
    "audits": ["audit_id", "line_id", "created_at"],
}

# Rows of a row group. Single lines are looked up by search, single pages by the viewer, which read whole row groups:
# small ones cost a tenth more room (of pages a thirtieth) and make that sixty times quicker for lines, and halve the
# time of a page in a library of 100,000.
ROW_GROUP_ROWS: Final = dict.fromkeys(SCHEMAS, 100_000) | {"lines": 1_000, "pages": 4_000}
ZSTD_LEVEL: Final = 6

# Sorted long ids shrink to nothing when each stores only what differs from the one before.
_PREFIXED: Final = ("line_id", "page_id")


def parquet_options(schema: pa.Schema) -> dict[str, object]:
    """Writer options for `pyarrow.parquet.ParquetWriter`: dictionaries for plain strings, deltas for integers
    in lists, for ids that share long prefixes and for lengths of words.
    """
    encodings: dict[str, str] = {}
    dictionary: list[str] = []
    for column in schema:
        if column.type == INTS:
            encodings[f"{column.name}.list.element"] = "DELTA_BINARY_PACKED"
        elif column.name in _PREFIXED:
            encodings[column.name] = "DELTA_BYTE_ARRAY"
        elif column.name in ("text", "text_search"):
            encodings[column.name] = "PLAIN"
        elif column.name == "word_text":  # seldom the same twice in a row group
            encodings["word_text.list.element"] = "DELTA_LENGTH_BYTE_ARRAY"
        elif column.type == pa.string():
            dictionary.append(column.name)
        elif column.type == STRINGS:
            dictionary.append(f"{column.name}.list.element")
    return {
        "compression": "zstd",
        "compression_level": ZSTD_LEVEL,
        "use_dictionary": dictionary,
        "column_encoding": encodings,
        "coerce_timestamps": "us",
        "write_statistics": True,
    }
