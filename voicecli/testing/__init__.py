"""What the pytest plugin is made of: replays as objects that a test asks, and their figures at the end of a session."""
