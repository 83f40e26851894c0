"""Options of a command as settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from ocr_core.errors import UsageError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_Settings = TypeVar("_Settings", bound=BaseModel)


def validated(kind: type[_Settings], command: str, **options: Any) -> _Settings:
    """Settings of this kind.

    Raises:
        UsageError: they do not work; the message says which and why.
    """
    try:
        return kind.model_validate(options)
    except ValidationError as error:
        raise UsageError(
            f"These settings do not work: {problems_of(error)}.", remedy=f"See `warraq {command} --help`."
        ) from None


def problems_of(error: ValidationError) -> str:
    """Which settings do not work and why, in a line."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {_problem(e)}" for e in error.errors())


def _problem(error: ErrorDetails) -> str:
    """pydantic's words, without those that only programmers understand."""
    if error["type"] == "extra_forbidden":
        return "there is no such setting"
    if error["type"] == "value_error":  # raised by a validator of our own
        return str(error["ctx"]["error"])
    return error["msg"].replace("Input should be", "must be", 1)
