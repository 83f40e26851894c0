"""The ways of finding lines, as settings name them. Imports nothing, so that settings stay quick to load."""

from enum import StrEnum


class LayoutMethod(StrEnum):
    """`auto` is the network where its weights are packaged, and strokes alone where they are not."""

    AUTO = "auto"
    LEARNED = "learned"
    CLASSICAL = "classical"
