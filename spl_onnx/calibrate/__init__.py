"""Settings of one site from samples of its input: thresholds, corrections, floors, and what they cost."""
