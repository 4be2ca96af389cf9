"""A small writer of ONNX image networks: one method per operator, output shapes tracked on the way.

Shapes leave out the batch: an image is (C, H, W), a matrix is (K,). Every method takes tensor names and
arrays, adds one node, and returns the name of the new tensor.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
IR_VERSION = 8
Float = NDArray[np.float32]
Shape = tuple[int, ...]


class GraphBuilder:
    """Collects nodes and initializers of a network with one input and one output."""

    def __init__(self, name: str, image: Shape, batch: int | str = "batch") -> None:
        """Starts a network.

        Args:
            name: name of the graph.
            image: shape of one input image, (C, H, W).
            batch: a fixed batch size, or the name of a dynamic one.
        """
        self._name = name
        self._batch = batch
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[TensorProto] = []
        self._shapes: dict[str, Shape] = {}
        self._counts: dict[str, int] = {}
        self.input = "input"
        self._shapes[self.input] = image

    def shape(self, tensor: str) -> Shape:
        """Shape of a tensor without its batch dimension."""
        return self._shapes[tensor]

    def conv(
        self,
        x: str,
        weight: Float,
        bias: Float | None = None,
        *,
        stride: int = 1,
        pad: int = 0,
        group: int = 1,
    ) -> str:
        """Convolution; weight: [O, C/group, k, k], bias: [O]."""
        kernel = weight.shape[2]
        shape = (weight.shape[0], *self._window(x, kernel, stride, pad))
        arrays = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        return self._add(
            "Conv",
            [x],
            shape,
            arrays,
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[pad] * 4,
            group=group,
        )

    def gemm(self, x: str, weight: Float, bias: Float) -> str:
        """Fully connected layer; weight: [O, K], bias: [O]."""
        return self._add("Gemm", [x], (weight.shape[0],), {"weight": weight, "bias": bias}, transB=1)

    def batch_norm(self, x: str, scale: Float, shift: Float, mean: Float, variance: Float) -> str:
        """Batch normalisation in inference form; every array is [C]."""
        arrays = {"scale": scale, "shift": shift, "mean": mean, "variance": variance}
        return self._add("BatchNormalization", [x], self.shape(x), arrays, epsilon=1e-5)

    def max_pool(self, x: str, kernel: int, stride: int, pad: int = 0) -> str:
        """Max pooling in floor mode."""
        shape = (self.shape(x)[0], *self._window(x, kernel, stride, pad))
        return self._add(
            "MaxPool",
            [x],
            shape,
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[pad] * 4,
            ceil_mode=0,
        )

    def relu(self, x: str) -> str:
        """Rectified linear unit."""
        return self._add("Relu", [x], self.shape(x))

    def add(self, a: str, b: str) -> str:
        """Sum of two tensors of one shape."""
        return self._add("Add", [a, b], self.shape(a))

    def local_response_norm(self, x: str, size: int = 5, alpha: float = 1e-4, beta: float = 0.75) -> str:
        """Normalisation across `size` neighbouring channels."""
        return self._add("LRN", [x], self.shape(x), size=size, alpha=alpha, beta=beta, bias=1.0)

    def global_average_pool(self, x: str) -> str:
        """Mean of each channel, [C, 1, 1]."""
        return self._add("GlobalAveragePool", [x], (self.shape(x)[0], 1, 1))

    def flatten(self, x: str) -> str:
        """Image to one row, [C*H*W]."""
        return self._add("Flatten", [x], (int(np.prod(self.shape(x))),), axis=1)

    def finish(
        self, output: str, name: str = "logits", metadata: dict[str, str] | None = None
    ) -> onnx.ModelProto:
        """Closes the network.

        Args:
            output: the tensor that becomes the output.
            name: its public name.
            metadata: text properties of the model.

        Returns:
            A model that has passed the ONNX checker.
        """
        for node in self._nodes:
            node.output[:] = [name if tensor == output else tensor for tensor in node.output]
        graph = helper.make_graph(
            self._nodes,
            self._name,
            [self._value_info(self.input, self.input)],
            [self._value_info(output, name)],
            self._initializers,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="spl-onnx",
        )
        helper.set_model_props(model, metadata or {})
        onnx.checker.check_model(model)
        return model

    def _value_info(self, tensor: str, name: str) -> onnx.ValueInfoProto:
        shape = [self._batch, *self.shape(tensor)]
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def _window(self, x: str, kernel: int, stride: int, pad: int) -> tuple[int, ...]:
        return tuple((size + 2 * pad - kernel) // stride + 1 for size in self.shape(x)[1:])

    def _add(
        self,
        op: str,
        inputs: list[str],
        shape: Shape,
        arrays: dict[str, Float] | None = None,
        **attributes: Any,
    ) -> str:
        number = self._counts[op] = self._counts.get(op, 0) + 1
        name = f"{op.lower()}{number}"
        constants = [self._initializer(f"{name}/{role}", array) for role, array in (arrays or {}).items()]
        self._nodes.append(
            helper.make_node(op, [*inputs, *constants], [f"{name}_out"], name=name, **attributes)
        )
        self._shapes[f"{name}_out"] = shape
        return f"{name}_out"

    def _initializer(self, name: str, array: Float) -> str:
        self._initializers.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name
