"""Folding of text for search, the same for what is stored and what is asked."""

from ocr_core.library.folding import Token, fold, fold_tokens

__all__ = ["Token", "fold", "fold_tokens"]
