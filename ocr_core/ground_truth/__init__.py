"""Ground truth as people make it: transcribed pages (PAGE, ALTO) and transcribed pictures of lines (Parquet, ``*.gt.txt``).

Everything is read as it is: no text is normalised, no line left out.
"""

from ocr_core.ground_truth.imgur5k import read_imgur5k
from ocr_core.ground_truth.lines import CutLine, read_line_folder, read_parquet
from ocr_core.ground_truth.pages import Points, TruthLine, TruthPage, find_pages, is_wanted, read_page

__all__ = [
    "CutLine", "Points", "TruthLine", "TruthPage", "find_pages", "is_wanted", "read_imgur5k", "read_line_folder",
    "read_page", "read_parquet",
]  # fmt: skip
