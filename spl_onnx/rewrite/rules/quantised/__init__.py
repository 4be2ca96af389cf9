"""Layers of models that are quantised already: DequantizeLinear, layer, QuantizeLinear."""
