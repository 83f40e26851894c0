"""Where pages come from: folders, images, multi-page TIFF, PDF.

    discover(sources) → files → identify_all(files) → documents → read_pages(pages) → page images

Everything that can be wrong with a file is a `Failure` among the results; nothing is dropped without a word.
"""

from ocr_core.sources.again import Place, as_read, is_file, open_again
from ocr_core.sources.discover import Discovery, discover, file_at, natural_key
from ocr_core.sources.identify import Limits, identify, identify_all
from ocr_core.sources.read import read_pages
from ocr_core.sources.settings import ExistingText, ReadSettings

__all__ = [
    "Discovery",
    "ExistingText",
    "Limits",
    "Place",
    "ReadSettings",
    "as_read",
    "discover",
    "file_at",
    "identify",
    "identify_all",
    "is_file",
    "natural_key",
    "open_again",
    "read_pages",
]
