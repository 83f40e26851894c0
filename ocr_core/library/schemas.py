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
INTS: Final = pa.list_(pa.int32())
STRINGS: Final = pa.list_(pa.string())
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
        ("copies", STRINGS),  # source paths of further files with the same bytes
        ("copy_roots", STRINGS),  # their roots, same order
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
        ("polygon_x", INTS),
        ("polygon_y", INTS),
        ("baseline_x", INTS),
        ("baseline_y", INTS),
        ("region", pa.string()),
        ("direction", pa.string()),  # ltr | rtl
        ("script", pa.string()),
        ("script_confidence", pa.float64()),
        ("hand", pa.string()),  # hand | print | ""
        ("text", pa.string()),  # NFC, logical order; "" with the flag `pending` while it waits for an engine
        ("text_search", pa.string()),  # folded words joined by single spaces
        ("words", pa.int32()),  # in text_search
        ("confidence", pa.float64()),  # NULL for a pending line
        *_ENGINE,
        ("flags", STRINGS),
        ("word_text", STRINGS),  # words with boxes, where the engine gives them; parallel lists
        ("word_confidence", pa.list_(pa.float32())),
        ("word_x0", INTS),
        ("word_y0", INTS),
        ("word_x1", INTS),
        ("word_y1", INTS),
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
        ("sources", STRINGS),
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
        ("polygon_x", INTS),
        ("polygon_y", INTS),
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
