"""Training of the network that tells which way up pages lie."""
