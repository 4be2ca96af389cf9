"""Tensors between layers in 8 bits that are passed as bytes."""
