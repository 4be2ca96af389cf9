"""Choosing what becomes of each site by measured time."""
