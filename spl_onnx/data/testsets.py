"""ONNX test data sets: folders `test_data_set_*` with `input_0.pb`, `output_0.pb`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import onnx

from spl_onnx.arrays import Array
from spl_onnx.data.inputs import InputSpec, check_feeds
from spl_onnx.data.reader import Feeds, Reader
from spl_onnx.errors import DataError
from spl_onnx.spec.messages import array_of

PATTERN = "test_data_set_*"


class TestSetReader(Reader):
    """Each data set is one batch; `input_<i>.pb` is the model's input number i. Outputs are not read."""

    __test__ = False

    def __init__(self, folders: list[Path], specs: list[InputSpec], limit: int | None = None) -> None:
        """List the data sets.

        Args:
            folders: the folders `test_data_set_*`.
            specs: the model's inputs.
            limit: number of data sets, or None for all.
        """
        super().__init__()
        self._folders = sorted(folders, key=_number)[:limit]
        self._specs = specs

    def __len__(self) -> int:
        """Number of data sets."""
        return len(self._folders)

    def batches(self) -> Iterator[tuple[Feeds, Array | None]]:
        """Yield (feeds, None) for each data set."""
        for folder in self._folders:
            yield self._feeds(folder), None

    def _feeds(self, folder: Path) -> Feeds:
        feeds = {spec.name: _tensor(folder / f"input_{i}.pb") for i, spec in enumerate(self._specs)}
        check_feeds(feeds, self._specs, str(folder))
        return feeds


def _number(folder: Path) -> tuple[int, str]:
    digits = re.search(r"(\d+)$", folder.name)
    return (int(digits.group(1)) if digits else 0), folder.name


def _tensor(path: Path) -> Array:
    try:
        tensor = onnx.load_tensor(str(path))
    except FileNotFoundError:
        raise DataError(f"{path}: not found, wanted one file input_<i>.pb per model input") from None
    except Exception as error:  # protobuf's DecodeError, whose module has no types
        raise DataError(f"{path}: cannot be read as an ONNX tensor: {error}") from error
    values = array_of(tensor)
    if values is None:
        raise DataError(
            f"{path}: type {tensor.data_type}, dimensions {list(tensor.dims)} and data do not belong "
            "together, wanted a tensor with its values in it"
        )
    return values
