"""Data layout: images stay channels last from site to site."""
