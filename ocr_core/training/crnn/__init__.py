"""Training of the CRNNs."""
