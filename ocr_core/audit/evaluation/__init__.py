"""An engine measured on the lines of ground truth."""
