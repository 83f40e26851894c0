"""Qwen-VL, the reader of whole Arabic pages."""
