"""What a user may choose about the preparation of pages."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Enhancement(StrEnum):
    """Steps of :mod:`ocr_core.imaging.enhance`, which tells what each does."""

    EVEN = "even"
    FAINT = "faint"
    DENOISE = "denoise"
    MEDIAN = "median"
    SHARPEN = "sharpen"
    BINARIZE = "binarize"


class ImagingSettings(BaseModel):
    """Bounds and switches of :func:`ocr_core.imaging.clean.clean_page`. Unknown keys are refused.

    Attributes:
        find_orientation: turn pages by quarters where they surely lie on their side or head.
        deskew: rotate pages whose skew is trusted; when False the angle is still measured and stored.
        max_skew_deg: angles beyond ± this are not looked for: a page fed askew by 15°, on which the lines climb as well.
        min_skew_deg: smaller angles are stored and not applied: lines are found as well, and turning blurs them.
        min_skew_confidence: angles with less confidence (0..1) are stored and not applied.
        even_background: divide the page by its estimated paper.
        remove_borders: whiten the dark surround of the sheet that touches the edges of the scan.
        find_blank: mark pages without writing as blank.
        enhance: steps taken, in this order, on the pixels that lines are cut from; none by default (docs/enhancement.md).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    find_orientation: bool = True
    deskew: bool = True
    max_skew_deg: float = Field(default=20.0, ge=1.0, le=30.0)
    min_skew_deg: float = Field(default=1.0, ge=0.0, le=5.0)
    min_skew_confidence: float = Field(default=0.5, ge=0.0, le=1.0)
    even_background: bool = True
    remove_borders: bool = True
    find_blank: bool = True
    enhance: tuple[Enhancement, ...] = ()
