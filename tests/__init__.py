"""Tests of spl-onnx; the tree is that of the code."""

import os

# Before NumPy is imported: threads of OpenBLAS do not outlive a fork, and a child that multiplies matrices
# may wait for them for ever. Tests of micro kernels run in such children.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
