"""Model inputs that the tests of the readers share."""

import numpy as np

from spl_onnx.data.inputs import InputSpec

IMAGE_SPEC = InputSpec("input", np.dtype(np.float32), (None, 3, 8, 8))
GREY_SPEC = InputSpec("input", np.dtype(np.float32), (None, 1, 8, 8))
VECTOR_SPEC = InputSpec("v", np.dtype(np.float32), (None, 4))
FIXED_SPEC = InputSpec("input", np.dtype(np.float32), (2, 3, 8, 8))
