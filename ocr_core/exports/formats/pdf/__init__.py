"""Searchable PDF/A-2u."""
