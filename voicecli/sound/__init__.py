"""The sound of this machine: its devices, or WAV files in their place."""
