"""What was asked for last is kept in memory, because it is likely to be asked for again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Newest(Generic[_T]):
    """Items by name, as many of those used last as `most` allows by `size`. Safe for several threads; two that ask for
    the same at once may both make it."""

    def __init__(self, most: int, size: Callable[[_T], int] = lambda _: 1) -> None:
        self._most, self._size, self._held = most, size, 0
        self._items: OrderedDict[Hashable, _T] = OrderedDict()
        self._turn = threading.Lock()

    def get(self, name: Hashable, make: Callable[[], _T]) -> _T:
        """The item of this name, made where it is not kept."""
        with self._turn:
            if name in self._items:
                self._items.move_to_end(name)
                return self._items[name]
        item = make()
        with self._turn:
            if name not in self._items:
                self._items[name] = item
                self._held += self._size(item)
            while self._held > self._most and len(self._items) > 1:
                self._held -= self._size(self._items.popitem(last=False)[1])
        return item
