"""Tests of choosing by measured time."""
