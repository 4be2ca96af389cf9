"""Predictors: how the weights and bias of SPLPredict are made from those of a layer."""
