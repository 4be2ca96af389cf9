"""Running what may end the process, or never end, in a process of its own."""
