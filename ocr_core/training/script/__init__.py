"""Training of the network of scripts."""
