"""Choosing settings for every site that lose no more than a budget."""
