"""Fine-tuning of Qwen-VL by low-rank adapters."""
