"""What a run came to: its document, latencies, budgets, and the verdict on two runs."""
