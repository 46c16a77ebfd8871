"""What a generation is and how it gets done."""
