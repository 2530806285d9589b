"""What is told of a run: in a terminal, and as files for other programs."""
