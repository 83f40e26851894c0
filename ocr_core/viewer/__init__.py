"""The local web page: search, pages with their lines, runs and failures, corrections; see `app.create_app`."""

from ocr_core.viewer.app import ViewerSettings, create_app, warm

__all__ = ["ViewerSettings", "create_app", "warm"]
