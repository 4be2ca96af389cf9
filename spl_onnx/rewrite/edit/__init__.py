"""From a plan to the rewritten model."""
