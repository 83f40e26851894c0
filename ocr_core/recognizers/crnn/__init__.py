"""The compact CRNN: the packaged reader of lines."""
