"""How well an engine reads: error rates with intervals, confusions, worst lines, and how far to trust its confidence."""
