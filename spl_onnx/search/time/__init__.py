"""Choosing what becomes of every site by measured time."""
