"""Lines that do not run level and upright on the image: up the margin, or all of a page that lies on its side or head.

Coordinates stay those of the image; to work along such a line one turns it, and what comes of that back again. A *turn* is
clockwise, in degrees: 0, 90, 180 or 270.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_core.records import Box, Point


def turn_of(baseline: Sequence[Point], rotation: int) -> int:
    """By how much a line has to be turned to be read, from the way its baseline runs.

    Args:
        baseline: from left to right as a reader sees it, whatever the direction of the writing; elsewhere made ones may run
            level from right to left, which means nothing.
        rotation: of the page, for only on one that lies on its head do lines.
    """
    if len(baseline) < 2:
        return rotation
    (x0, y0), (x1, y1) = baseline[0], baseline[-1]
    if abs(y1 - y0) > abs(x1 - x0):
        return 90 if y1 < y0 else 270
    return 180 if x1 < x0 and rotation == 180 else 0


def turned_box(box: Box, turn: int) -> Box:
    """The box after a turn about the origin; -`turn` leads back."""
    match turn % 360:
        case 90:
            return Box(-box.y1, box.x0, -box.y0, box.x1)
        case 180:
            return Box(-box.x1, -box.y1, -box.x0, -box.y0)
        case 270:
            return Box(box.y0, -box.x1, box.y1, -box.x0)
    return box


def turned_points(points: Sequence[Point], turn: int) -> tuple[Point, ...]:
    """Pixels after a turn about the origin."""
    boxes = (turned_box(Box(x, y, x + 1, y + 1), turn) for x, y in points)
    return tuple((box.x0, box.y0) for box in boxes)
