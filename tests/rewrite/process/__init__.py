"""Tests of what runs in a process of its own."""
