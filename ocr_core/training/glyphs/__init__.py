"""Training of the readers of isolated letters."""
