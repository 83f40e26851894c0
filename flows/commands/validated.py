"""Options of a command as settings."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ocr_core.config import problems_of
from ocr_core.errors import UsageError

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
