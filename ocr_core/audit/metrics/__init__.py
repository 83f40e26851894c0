"""How texts are compared: error rates, their intervals, and how well baselines are found."""
