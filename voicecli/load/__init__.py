"""Many callers at once: latency against concurrency, and whether it was the server that was measured."""
