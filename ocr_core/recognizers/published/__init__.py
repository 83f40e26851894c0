"""The published CRNN of IsmatS/handwriting-recognition-iam."""
