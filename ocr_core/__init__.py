"""Warraq's library: everything but the flows. Usable from a notebook; knows nothing of Prefect."""

__version__ = "0.1.0"
