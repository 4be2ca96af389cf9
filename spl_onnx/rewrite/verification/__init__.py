"""Checking a rewritten model: runs in a child process, tolerances from the original, sites one by one."""
