"""The order in which the lines of a page are read.

Two rules of Breuel (2003, "High performance document layout analysis") make a partial order, sorted topologically:
a line comes before another below it when their widths overlap; and a line comes before another beside it, in the reading
direction, unless something that spans both lies between them. Ours is the condition that its column begins no lower.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def reading_order(boxes: NDArray[np.float64], *, rtl: bool = False) -> list[int]:
    """Indices of lines in reading order.

    Args:
        boxes: [n, 4] x0, y0, x1, y1 of each line's core (baseline extent and small-letter height serve best).
        rtl: columns are read from right to left.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    count = len(boxes)
    if count < 2:
        return list(range(count))
    x0, x1 = (boxes[:, 0], boxes[:, 2]) if not rtl else (-boxes[:, 2], -boxes[:, 0])
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    shared = np.minimum(x1[:, None], x1) - np.maximum(x0[:, None], x0)
    narrow = np.minimum(x1 - x0, (x1 - x0)[:, None])
    overlap = shared > 0.1 * narrow
    above = middle[:, None] < middle
    before = overlap & above
    left = ~overlap & ((x0 + x1)[:, None] < (x0 + x1))
    low, high = np.minimum(middle[:, None], middle), np.maximum(middle[:, None], middle)
    # A column is read before the next one only where it stands beside it: the salutation of a letter, lower down on the
    # left, does not come before the letterhead on the right.
    height = boxes[:, 3] - boxes[:, 1]
    beside = left & (middle[:, None] < middle + height)
    left &= overlap.astype(int) @ beside.astype(int) > 0
    for k in range(count):
        spans = overlap[k][:, None] & overlap[k] & (low < middle[k]) & (middle[k] < high)
        left &= ~spans
    before |= left
    np.fill_diagonal(before, False)
    waiting = before.sum(axis=0)
    todo = set(range(count))
    done: list[int] = []
    while todo:
        ready = [i for i in todo if waiting[i] == 0]
        # A cycle can only come from touching boxes: break it at the top.
        nxt = min(ready or todo, key=lambda i: (_column_first(done, before, i), middle[i], x0[i]))
        todo.remove(nxt)
        done.append(nxt)
        waiting = waiting - before[nxt]
    return done


def _column_first(done: list[int], before: NDArray[np.bool_], i: int) -> int:
    """Go on below the last line before starting elsewhere."""
    return 0 if not done or before[done[-1], i] else 1
