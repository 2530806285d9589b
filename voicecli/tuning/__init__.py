"""Which settings of turn-taking to choose: how often they cut a caller off, against how long they let one wait."""
