"""Rewriting of models: rules find sites, sites become SPLPredict and SRMM nodes."""
