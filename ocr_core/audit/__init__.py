"""How well an engine reads: error rates with intervals, confusions, worst lines, and whether its confidence can be trusted."""
