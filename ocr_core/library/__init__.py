"""The Parquet data sets: schemas, atomic publishing, manifest, compaction, views."""

from ocr_core.library.library import Library
from ocr_core.library.lookup import StoredPage
from ocr_core.library.names import new_run_id
from ocr_core.library.queries import PageState, StoredDocument
from ocr_core.library.status import settings_of_failed_runs, status
from ocr_core.library.tables import RunRecord
from ocr_core.library.views import Snapshot

__all__ = [
    "Library",
    "PageState",
    "RunRecord",
    "Snapshot",
    "StoredDocument",
    "StoredPage",
    "new_run_id",
    "settings_of_failed_runs",
    "status",
]
