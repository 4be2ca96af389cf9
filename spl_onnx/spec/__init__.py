"""The operators: names, attributes, shapes, semantics, dense fall-back bodies. Knows nothing of rules."""
