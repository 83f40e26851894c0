"""The index of the library's words: segments of postings in Parquet, kept up to date with the library."""
