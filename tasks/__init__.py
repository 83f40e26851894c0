"""Prefect tasks: retries, batching and placement around `ocr_core`. No algorithms."""
