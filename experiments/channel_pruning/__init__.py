"""Channels of a trained residual network are cut, without retraining."""
