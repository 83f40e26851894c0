"""Finding things in a library: full-text search and SQL."""
