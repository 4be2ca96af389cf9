"""Tests of spending an accuracy budget."""
