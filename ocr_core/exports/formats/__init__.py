"""The formats of exports, each with what writes it."""
