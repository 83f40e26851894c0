"""Fine-tuning of TrOCR."""
