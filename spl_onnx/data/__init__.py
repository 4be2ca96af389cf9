"""Calibration and evaluation data."""

from spl_onnx.data.inputs import InputSpec, input_specs
from spl_onnx.data.reader import DataReader, Reader
from spl_onnx.data.sources import DataOptions, open_data

__all__ = ["DataOptions", "DataReader", "InputSpec", "Reader", "input_specs", "open_data"]
