"""The specification: what the operators compute, in NumPy. Import place of the modules with the parts."""

from spl_onnx.spec.reference_byte_lrn import byte_lrn
from spl_onnx.spec.reference_conv import conv_predict, conv_qsrmm, conv_scores, conv_srmm
from spl_onnx.spec.reference_gemm import gemm_predict, gemm_qsrmm, gemm_scores, gemm_srmm
from spl_onnx.spec.reference_lrn import lrn
from spl_onnx.spec.reference_ops import reference_ops
from spl_onnx.spec.reference_planes import quantize_planes
from spl_onnx.spec.reference_pool import byte_average, byte_max_pool, global_average, max_pool

__all__ = [
    "byte_average",
    "byte_lrn",
    "byte_max_pool",
    "conv_predict",
    "conv_qsrmm",
    "conv_scores",
    "conv_srmm",
    "gemm_predict",
    "gemm_qsrmm",
    "gemm_scores",
    "gemm_srmm",
    "global_average",
    "lrn",
    "max_pool",
    "quantize_planes",
    "reference_ops",
]
