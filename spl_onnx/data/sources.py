"""Find the right reader for what a user gives as data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from spl_onnx.data.images import ImageFolderReader
from spl_onnx.data.inputs import InputSpec, check_feeds
from spl_onnx.data.npz import NpzReader
from spl_onnx.data.preprocess import PRESETS, Preprocess
from spl_onnx.data.reader import DataReader, ForeignReader, Reader
from spl_onnx.data.testsets import PATTERN, TestSetReader
from spl_onnx.errors import DataError, UsageError
from spl_onnx.option_types import check_types

DEFAULT_BATCH = 8


@dataclass(frozen=True)
class DataOptions:
    """How data is read. A field `channel_order` is the flag `--channel-order`.

    Attributes:
        preprocess: name of a preset: imagenet, caffe, tf, unit.
        mean: per channel on the 0..255 scale; replaces the preset's.
        std: as `mean`.
        channel_order: "rgb" or "bgr"; replaces the preset's.
        resize: length the short side of an image is scaled to before the centre crop.
        limit: number of samples that are read; None = all.
        batch: samples per batch; None = the model's fixed batch, else 8.
    """

    preprocess: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    channel_order: str | None = None
    resize: int | None = None
    limit: int | None = None
    batch: int | None = None

    def __post_init__(self) -> None:
        """Reject numbers and names that mean nothing.

        Raises:
            UsageError: a number is below 1 or a preset unknown.
        """
        check_types(self)
        for name in ("limit", "batch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name}: got {value}, wanted a number above 0")
        if self.preprocess is not None and self.preprocess not in PRESETS:
            raise UsageError(f"--preprocess: got {self.preprocess!r}, wanted one of {', '.join(PRESETS)}")

    def pixels(self) -> Preprocess:
        """The preprocessing of images.

        Raises:
            UsageError: neither a preset nor mean and std are given, because a guess would be silently wrong.
        """
        if self.preprocess is None and (self.mean is None or self.std is None):
            raise UsageError(
                "images need to know how the network was trained: "
                f"give --preprocess {'|'.join(PRESETS)}, or --mean and --std on the 0..255 scale"
            )
        chosen = PRESETS[self.preprocess] if self.preprocess is not None else Preprocess()
        given = {name: getattr(self, name) for name in ("mean", "std", "channel_order", "resize")}
        return replace(chosen, **{name: value for name, value in given.items() if value is not None})


def open_data(source: object, specs: list[InputSpec], options: DataOptions | None = None) -> Reader:
    """Open calibration or evaluation data.

    Args:
        source: path of a folder of images, an .npz file, a folder of .npz files or of ONNX test data sets; or
            an object with `get_next()`.
        specs: the model's inputs.
        options: how to read it.

    Returns:
        A reader at its first batch.

    Raises:
        DataError: there is no data, or it does not fit the model.
        UsageError: images without preprocessing.
    """
    options = options or DataOptions()
    if not specs:
        raise DataError("the model has no inputs, wanted at least one that data can feed")
    if isinstance(source, str | Path):
        return _open_path(Path(source), specs, options)
    if isinstance(source, Reader):
        source.rewind()
        return source
    if isinstance(source, DataReader):
        name = type(source).__name__
        return ForeignReader(source, partial(check_feeds, specs=specs, where=name))
    raise DataError(f"data: got {type(source).__name__}, wanted a path or an object with get_next()")


def _open_path(path: Path, specs: list[InputSpec], options: DataOptions) -> Reader:
    if not _exists(path):
        raise DataError(f"{path}: not found; wanted a folder of images, an .npz file, or ONNX test data sets")
    if not path.is_dir():
        if path.suffix != ".npz":
            raise DataError(f"{path}: got a {path.suffix or 'plain'} file, wanted .npz or a folder")
        return _npz([path], specs, options)
    if path.match(PATTERN):
        return TestSetReader([path], specs, options.limit)
    if test_sets := [item for item in path.glob(PATTERN) if item.is_dir()]:
        return TestSetReader(test_sets, specs, options.limit)
    if files := sorted(file for file in path.glob("*.npz") if not file.name.startswith(".")):
        return _npz(files, specs, options)
    if len(specs) != 1:
        raise DataError(f"{path}: images feed one input, got a model with {len(specs)}: use .npz data")
    reader = ImageFolderReader(path, specs[0], options.pixels(), batch_size(specs, options), options.limit)
    return _whole_batches(reader, specs, path)


def _exists(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have names none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _npz(files: list[Path], specs: list[InputSpec], options: DataOptions) -> Reader:
    reader = NpzReader(files, specs, batch_size(specs, options), options.limit)
    return _whole_batches(reader, specs, files[0])


def batch_size(specs: list[InputSpec], options: DataOptions) -> int:
    """Samples per batch: what the model fixes, else what the user asks for, else 8.

    Raises:
        UsageError: the user asks for another batch than the model takes.
    """
    fixed = next((spec.batch for spec in specs if spec.batch is not None), None)
    if fixed is not None and options.batch not in (None, fixed):
        raise UsageError(f"--batch: got {options.batch}, wanted {fixed}, which the model's input fixes")
    return fixed or options.batch or DEFAULT_BATCH


def _whole_batches(reader: Reader, specs: list[InputSpec], path: Path) -> Reader:
    """Refuse a remainder that a model with a fixed batch could not take."""
    fixed = batch_size(specs, DataOptions()) if any(spec.batch for spec in specs) else 1
    if len(reader) % fixed:
        raise DataError(
            f"{path}: got {len(reader)} samples, but the model takes exactly {fixed} at a time: "
            f"use --limit {len(reader) // fixed * fixed or fixed}"
        )
    return reader
