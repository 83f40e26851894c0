"""Isolated Arabic letters and digits."""
