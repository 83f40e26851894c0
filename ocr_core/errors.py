"""Every error Warraq raises on purpose: one tree, each with a remedy and an exit code.

    WarraqError                     15  anything else
    ├── UsageError                   1  wrong arguments or settings
    ├── NothingToDo                  2  no usable page in the input
    ├── MissingDependency            3  a program, package or model is not installed
    │   └── ModelError               3  a model file is missing, damaged or of the wrong kind
    ├── LibraryError                 5  the library cannot be read or written
    ├── DriftError                  10  reading has become worse than is allowed
    └── PageError                   10  one page or file failed; the rest goes on

A `PageError` never ends a run: the stage that answers for the page turns it into a `records.Failure`.
"""

from __future__ import annotations


class WarraqError(Exception):
    """An error that tells the user what to do next."""

    exit_code = 15

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        sentence = self.message if self.message.endswith((".", "!", "?", "…", "^")) else f"{self.message}."
        return f"{sentence}\n  {self.remedy}" if self.remedy else sentence


class UsageError(WarraqError):
    exit_code = 1


class NothingToDo(WarraqError):
    exit_code = 2


class MissingDependency(WarraqError):
    exit_code = 3


class ModelError(MissingDependency):
    """A model's weights cannot be trusted or do not fit its network."""


class LibraryError(WarraqError):
    exit_code = 5


class DriftError(WarraqError):
    """An audit was compared with another one, and reading has become worse than is allowed."""

    exit_code = 10


class PageError(WarraqError):
    """One page, or one whole source file, cannot be processed.

    Args:
        kind: a short stable slug that people can query for, e.g. `encrypted`, `truncated`, `timeout`.
        message: what is wrong, in a sentence; the file is named by the `Failure` around it.
        remedy: what the user can do.
    """

    exit_code = 10

    def __init__(self, kind: str, message: str, *, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.kind = kind

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword arguments do not survive pickling between processes by themselves.
        return (_page_error, (type(self), self.kind, self.message, self.remedy))


def _page_error(cls: type[PageError], kind: str, message: str, remedy: str) -> PageError:
    return cls(kind, message, remedy=remedy)
