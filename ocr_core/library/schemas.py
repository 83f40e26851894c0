"""The explicit Arrow schemas of the library's data sets. The words used on disk are defined here and nowhere
else.

Types are always written out: a column that happens to be all NULL in one file would otherwise take another
type there and break the union with its siblings. New columns may be added at any time; a file that lacks one
reads as NULL.

Coordinates are pixels of the original page image, half-open boxes; confidences 0..1 or NULL; times are UTC.
`created_at` is the moment of publication: the newest result of a page wins, ties go to the greater `run_id`.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

_STAMP: Final = pa.timestamp("us", tz="UTC")
_INTS: Final = pa.list_(pa.int32())
_STRINGS: Final = pa.list_(pa.string())
_SECONDS: Final = pa.map_(pa.string(), pa.float64())

_ENGINE: Final = [("engine", pa.string()), ("engine_version", pa.string()), ("model_sha256", pa.string())]
_TAIL: Final = [("run_id", pa.string()), ("created_at", _STAMP)]
_PLACE: Final = [
    ("page_id", pa.string()),
    ("doc_id", pa.string()),
    ("collection", pa.string()),
    ("source_path", pa.string()),  # POSIX, relative to the ingested root
    ("page_number", pa.int32()),  # from 1
]
_BOX: Final = [("x0", pa.int32()), ("y0", pa.int32()), ("x1", pa.int32()), ("y1", pa.int32())]

DOCUMENTS: Final = pa.schema(
    [
        ("doc_id", pa.string()),  # sha256 of the file
        ("collection", pa.string()),
        ("source_path", pa.string()),
        ("root", pa.string()),  # the ingested folder on the machine that ran
        ("media_type", pa.string()),
        ("pages", pa.int32()),
        ("size_bytes", pa.int64()),
        ("copies", _STRINGS),  # source paths of further files with the same bytes
        ("copy_roots", _STRINGS),  # their roots, same order
        *_TAIL,
    ]
)

PAGES: Final = pa.schema(
    [
        *_PLACE,
        ("root", pa.string()),
        ("media_type", pa.string()),
        ("origin", pa.string()),  # image | native | rendered
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("dpi", pa.float64()),
        ("rotation", pa.int16()),
        ("skew_deg", pa.float64()),
        ("script", pa.string()),
        ("script_confidence", pa.float64()),
        ("status", pa.string()),  # done | blank | pending; failed pages are in `failures`
        ("reason", pa.string()),  # why a pending page waits
        ("lines", pa.int32()),
        ("lines_read", pa.int32()),  # lines with a transcript
        ("chars", pa.int32()),
        ("confidence", pa.float64()),  # weighted by length of text
        ("seconds", pa.float64()),  # the sum of stage_seconds
        ("stage_seconds", _SECONDS),
        *_ENGINE,  # the engine that read most characters of the page
        ("fingerprint", pa.string()),
        *_TAIL,
    ]
)

LINES: Final = pa.schema(
    [
        ("line_id", pa.string()),
        *_PLACE,
        ("line_order", pa.int32()),  # from 0, reading order
        *_BOX,
        ("polygon_x", _INTS),
        ("polygon_y", _INTS),
        ("baseline_x", _INTS),
        ("baseline_y", _INTS),
        ("region", pa.string()),
        ("direction", pa.string()),  # ltr | rtl
        ("script", pa.string()),
        ("script_confidence", pa.float64()),
        ("hand", pa.string()),  # hand | print | ""
        (
            "text",
            pa.string(),
        ),  # NFC, logical order; "" with the flag `pending` while the line waits for an engine
        ("text_search", pa.string()),  # folded words joined by single spaces
        ("words", pa.int32()),  # in text_search
        ("confidence", pa.float64()),  # NULL for a pending line
        *_ENGINE,
        ("flags", _STRINGS),
        ("word_text", _STRINGS),  # words with boxes, where the engine gives them; parallel lists
        ("word_confidence", pa.list_(pa.float32())),
        ("word_x0", _INTS),
        ("word_y0", _INTS),
        ("word_x1", _INTS),
        ("word_y1", _INTS),
        *_TAIL,
    ]
)

FAILURES: Final = pa.schema(
    [
        ("page_id", pa.string()),  # "" when the file could not be opened
        ("doc_id", pa.string()),
        ("collection", pa.string()),
        ("source_path", pa.string()),
        ("page_number", pa.int32()),  # 0 for a whole file
        ("stage", pa.string()),
        ("kind", pa.string()),
        ("message", pa.string()),
        ("remedy", pa.string()),
        ("attempts", pa.int32()),  # within this run
        ("dismissed", pa.string()),  # in a row that takes the failure off the list: the reason; else NULL
        *_TAIL,
    ]
)

RUNS: Final = pa.schema(
    [
        ("run_id", pa.string()),
        ("collection", pa.string()),
        ("sources", _STRINGS),
        ("started_at", _STAMP),
        ("finished_at", _STAMP),
        ("state", pa.string()),  # running | completed | interrupted
        ("settings", pa.string()),  # JSON
        ("warraq_version", pa.string()),
        ("discovered", pa.int64()),
        ("done", pa.int64()),
        ("blank", pa.int64()),
        ("failed", pa.int64()),
        ("pending", pa.int64()),
        ("skipped", pa.int64()),
        ("stage_seconds", _SECONDS),
        ("created_at", _STAMP),
    ]
)

GROUND_TRUTH: Final = pa.schema(
    [
        ("line_id", pa.string()),
        *_PLACE,
        ("line_order", pa.int32()),
        *_BOX,
        ("text", pa.string()),
        ("transcriber", pa.string()),
        ("origin", pa.string()),  # audit (written without seeing the reading) | correction | page | alto
        ("status", pa.string()),  # text | empty (nothing is written there) | illegible
        ("audit_id", pa.string()),  # "" where it was written for no audit
        ("note", pa.string()),
        *_TAIL,
    ]
)

# The lines that were drawn for an audit, as they stood then.
SAMPLES: Final = pa.schema(
    [
        ("audit_id", pa.string()),
        ("number", pa.int32()),  # from 1, the order of work: any beginning of it is itself a sample
        ("line_id", pa.string()),
        *_PLACE,
        ("line_order", pa.int32()),
        *_BOX,
        ("polygon_x", _INTS),
        ("polygon_y", _INTS),
        ("direction", pa.string()),
        ("script", pa.string()),
        ("hand", pa.string()),
        ("text", pa.string()),  # as it was read
        ("confidence", pa.float64()),
        *_ENGINE,
        ("read_run_id", pa.string()),  # the run that read it
        ("read_at", _STAMP),
        ("stratum", pa.string()),
        ("stratum_pages", pa.int32()),  # pages of the stratum in the library
        ("page_lines", pa.int32()),  # read lines of the page
        ("weight", pa.float64()),  # one over the probability of being drawn
        ("double", pa.bool_()),  # to be transcribed twice
        ("picture_sha256", pa.string()),  # of the picture given to transcribers; "" where none was written
        ("seed", pa.string()),
        *_TAIL,
    ]
)

AUDITS: Final = pa.schema(
    [
        ("audit_id", pa.string()),
        ("line_id", pa.string()),
        ("page_id", pa.string()),
        ("doc_id", pa.string()),
        ("collection", pa.string()),
        ("label", pa.string()),  # which readings were measured: drawn, or as the report called them
        ("source_path", pa.string()),
        ("page_number", pa.int32()),
        ("stratum", pa.string()),
        ("stratum_pages", pa.int32()),
        ("page_lines", pa.int32()),
        ("weight", pa.float64()),  # lines of the library that this one stands for
        ("script", pa.string()),
        ("hand", pa.string()),
        ("normalisation", pa.string()),  # raw, or what was told apart less
        ("truth", pa.string()),
        ("reading", pa.string()),
        ("chars", pa.int32()),
        ("char_edits", pa.int32()),
        ("words", pa.int32()),
        ("word_edits", pa.int32()),
        ("audited_run_id", pa.string()),
        ("read_at", _STAMP),
        *_ENGINE,
        ("confidence", pa.float64()),
        *_TAIL,
    ]
)

SCHEMAS: Final[dict[str, pa.Schema]] = {
    "documents": DOCUMENTS,
    "pages": PAGES,
    "lines": LINES,
    "failures": FAILURES,
    "runs": RUNS,
    "ground_truth": GROUND_TRUTH,
    "samples": SAMPLES,
    "audits": AUDITS,
}

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
        if column.type == _INTS:
            encodings[f"{column.name}.list.element"] = "DELTA_BINARY_PACKED"
        elif column.name in _PREFIXED:
            encodings[column.name] = "DELTA_BYTE_ARRAY"
        elif column.name in ("text", "text_search"):
            encodings[column.name] = "PLAIN"
        elif column.name == "word_text":  # seldom the same twice in a row group
            encodings["word_text.list.element"] = "DELTA_LENGTH_BYTE_ARRAY"
        elif column.type == pa.string():
            dictionary.append(column.name)
        elif column.type == _STRINGS:
            dictionary.append(f"{column.name}.list.element")
    return {
        "compression": "zstd",
        "compression_level": ZSTD_LEVEL,
        "use_dictionary": dictionary,
        "column_encoding": encodings,
        "coerce_timestamps": "us",
        "write_statistics": True,
    }
