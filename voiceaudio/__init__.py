"""Audio as both ends need it: Opus, containers, resampling, levels. Mono, signed 16 bit, little-endian throughout."""
