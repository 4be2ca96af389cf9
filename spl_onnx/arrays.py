"""Names of array types that all parts use."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

#: Of any element type.
Array = NDArray[Any]
