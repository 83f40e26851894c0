"""TrOCR and every other VisionEncoderDecoder."""
