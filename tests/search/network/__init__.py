"""Tests of running a network in segments."""
