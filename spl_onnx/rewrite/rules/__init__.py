"""One rule per file: which pattern is a site, when it is refused, and what it becomes."""
