"""Every row of docs/tools.md: other tools before rewriting, and after it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from spl_onnx.errors import ModelError
from spl_onnx.measure.sessions import create_session, run, uses_plugin
from spl_onnx.rewrite.model.own_nodes import own_nodes
from spl_onnx.spec.attributes import (
    GLOBAL_AVERAGE,
    LRN,
    MAX_POOL,
    PREDICT,
    Q_GLOBAL_AVERAGE,
    Q_LRN,
    Q_MAX_POOL,
    QSRMM,
    QUANTIZE,
    SRMM,
)
from tests.e2e import other_tools as tools
from tests.e2e.other_tools import SITES, Tool, X, copied, network
from tests.rewrite.builders import EPS, LONGEST_SUM, rewritten

PAGE = Path(__file__).parents[2] / "docs" / "tools.md"
OPERATORS = {PREDICT, SRMM, LRN, MAX_POOL, GLOBAL_AVERAGE}
OF_BYTES = {QUANTIZE, QSRMM, Q_LRN, Q_MAX_POOL, Q_GLOBAL_AVERAGE}
ROUNDING = EPS * LONGEST_SUM
#: Five roundings to bytes in a row, each of less than a level of 255.
LEVELS = 5 / 255
#: Float16 has 11 bits. Inputs, weights and results of Sigmoid and Gemm are rounded to it: at most 8 in a row.
HALF = 8 * 2.0**-11


@dataclass(frozen=True)
class Row:
    """A tool and what the page says of it.

    Attributes:
        tool: The tool.
        before: Sites that are left for us behind it.
        after: What it makes of a rewritten model, in the words of the page.
        limit: Which test looks at it afterwards.
    """

    tool: Tool
    before: int
    after: str
    limit: str = "exact"


#: Sites of a quantised network: in QDQ form all layers, of operators on bytes those that read no signed bytes
#: of others (here a sigmoid and Flatten).
BYTES, OPERATORS_ON_BYTES = 7, 4
BASIC, EXTENDED = tools.optimized("BASIC", False), tools.optimized("EXTENDED", False)
ALL = tools.optimized("ALL", False)

ROWS: dict[str, list[Row]] = {
    "`onnx.shape_inference.infer_shapes`": [Row(tools.infer_shapes, SITES, "works")],
    "onnx-graphsurgeon": [Row(tools.graphsurgeon, SITES, "works")],
    "`onnx.utils.extract_model`": [Row(tools.extract, SITES, "works")],
    "`onnx.compose.add_prefix`": [Row(tools.prefix, SITES, "dense")],
    "`onnx.compose.add_prefix`, `rename_functions=False`": [Row(tools.prefix_names_only, SITES, "works")],
    "`onnx.compose.merge_models` with a plain model": [Row(tools.merge_with_plain, SITES, "works")],
    "`onnx.compose.merge_models` of two rewritten models": [
        Row(tools.merge_two, 2 * SITES, "refused by onnx", "other")
    ],
    "`onnx.inliner.inline_local_functions`": [Row(tools.inline, SITES, "dense")],
    "`onnx.version_converter`": [Row(tools.convert_version, SITES, "needs the library")],
    "ONNX Runtime, `optimized_model_filepath`, `ORT_ENABLE_BASIC`": [Row(BASIC, SITES, "dense")],
    "the same, `ORT_ENABLE_EXTENDED` or `ORT_ENABLE_ALL`": [Row(EXTENDED, 0, "dense"), Row(ALL, 0, "dense")],
    "the same with the library registered": [
        Row(tools.optimized("BASIC", True), SITES, "needs the library"),
        Row(tools.optimized("EXTENDED", True), 0, "needs the library"),
        Row(tools.optimized("ALL", True), 0, "needs the library"),
    ],
    "`quant_pre_process`": [Row(tools.preprocess(), SITES, "dense")],
    "`quant_pre_process`, `skip_optimization=True`": [
        Row(tools.preprocess(skip_optimization=True), SITES, "works")
    ],
    "`quantize_dynamic`": [Row(tools.quantize_dynamic, 1, "works", "quantized")],
    "`quantize_static`, QDQ": [Row(tools.quantize_static("QDQ"), BYTES, "works", "quantized")],
    "`quantize_static`, QOperator": [
        Row(tools.quantize_static("QOperator"), OPERATORS_ON_BYTES, "works", "quantized")
    ],
    "`convert_float_to_float16`": [Row(tools.half_all, 0, "does not load", "other")],
    "the same with our operators in `op_block_list`": [Row(tools.half_others, 0, "works", "other")],
    "onnxslim": [Row(tools.slim, SITES, "needs the library")],
    "onnxsim": [Row(tools.simplify, SITES, "works")],
}
CASES = {f"{name}, {i}": row for name, rows in ROWS.items() for i, row in enumerate(rows)}
EXACT = [name for name, row in CASES.items() if row.limit == "exact"]
QUANTIZED = [name for name, row in CASES.items() if row.limit == "quantized"]


def outputs(model: onnx.ModelProto, plugin: bool) -> NDArray[np.float32]:
    """The last output for X, whatever the input is called."""
    session = create_session(model, plugin=plugin, threads=1)
    return np.asarray(run(session, {value.name: X for value in session.get_inputs()})[-1])


def distance(got: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    assert got.shape == wanted.shape
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def ends_like(model: onnx.ModelProto, made: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with the last output of `made` as its last one: a tool may cut out a part."""
    name = made.graph.output[-1].name.rpartition("/")[2]
    if name == model.graph.output[-1].name:
        return model
    longer = copied(model)
    longer.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return longer


def runs_alone(model: onnx.ModelProto) -> bool:
    """Whether it loads without the library; functions that are not valid end the process in old runtimes."""
    try:
        onnx.checker.check_model(model, full_check=True)
        create_session(model, plugin=False)
    except (ModelError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        return False
    return True


@pytest.fixture(scope="module")
def predicted() -> onnx.ModelProto:
    """The network with sites that predict."""
    return rewritten(network()).model


def test_the_page_has_these_rows() -> None:
    page = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    left = {
        SITES: "works",
        2 * SITES: "works",
        BYTES: "works",
        OPERATORS_ON_BYTES: "works",
        1: "few sites left",
        0: "no site left",
    }
    wanted = {name: (left[rows[0].before], rows[0].after) for name, rows in ROWS.items()}
    wanted["the same with the library registered"] = ("as without", "needs the library")
    assert {name: (before, after) for name, before, after in page[1:]} == wanted


@pytest.mark.parametrize("case", CASES)
def test_before(plugin_path: str, tmp_path: Path, case: str) -> None:
    """Quantised models may round apart by a step, so their numbers are left to the verification."""
    row = CASES[case]
    original = row.tool(network(), tmp_path)
    result = rewritten(original, lossless=True)
    assert sum(result.plan.counts().values()) == row.before
    for plugin in (False, True) if row.limit == "exact" else ():
        assert distance(outputs(result.model, plugin), outputs(original, False)) <= ROUNDING


@pytest.mark.parametrize("case", EXACT)
def test_after(plugin_path: str, tmp_path: Path, predicted: onnx.ModelProto, case: str) -> None:
    row = CASES[case]
    made = row.tool(predicted, tmp_path)
    before = ends_like(predicted, made)
    left = {node.op_type for node in own_nodes(made)} & OPERATORS
    if row.after == "dense":
        assert not left
        assert distance(outputs(made, True), outputs(before, False)) <= ROUNDING
    else:
        assert left == OPERATORS
        np.testing.assert_array_equal(outputs(made, True), outputs(before, True))
    assert runs_alone(made) == (row.after != "needs the library")
    if runs_alone(made):
        assert distance(outputs(made, False), outputs(before, False)) <= ROUNDING


@pytest.fixture(scope="module")
def passed() -> onnx.ModelProto:
    """A network with bytes between its sites."""
    return tools.in_bytes(tools.byte_network())


@pytest.mark.parametrize("case", EXACT)
def test_after_with_bytes(plugin_path: str, tmp_path: Path, passed: onnx.ModelProto, case: str) -> None:
    row = CASES[case]
    made = row.tool(passed, tmp_path)
    before = ends_like(passed, made)
    left = {node.op_type for node in own_nodes(made)} & OF_BYTES
    if row.after == "dense":
        assert not left
    else:
        assert left == OF_BYTES
        np.testing.assert_array_equal(outputs(made, True), outputs(before, True))
    assert runs_alone(made) == (row.after != "needs the library")
    if runs_alone(made):
        floats = outputs(ends_like(tools.byte_network(), made), False)
        assert 0 < distance(outputs(made, False), floats) <= LEVELS


@pytest.mark.parametrize("case", QUANTIZED)
def test_after_that_other_layers_are_quantized(
    plugin_path: str, tmp_path: Path, predicted: onnx.ModelProto, case: str
) -> None:
    """Fewer tensors are rounded to 8 bits than in the original quantised whole, so less is lost."""
    tool, dense = CASES[case].tool, outputs(network(), False)
    whole = distance(outputs(tool(network(), tmp_path), False), dense)
    made = tool(predicted, tmp_path)
    assert {node.op_type for node in own_nodes(made)} == OPERATORS
    assert any("MatMulInteger" in n.op_type or "Linear" in n.op_type for n in made.graph.node)
    for plugin in (False, True):
        assert 0 < distance(outputs(made, plugin), dense) < whole


def test_after_that_other_layers_are_float16(
    plugin_path: str, tmp_path: Path, predicted: onnx.ModelProto
) -> None:
    made = tools.half_others(predicted, tmp_path)
    assert {node.op_type for node in own_nodes(made)} == OPERATORS
    for plugin in (False, True):
        assert 0 < distance(outputs(made, plugin), outputs(predicted, plugin)) <= HALF


def test_float16_of_our_operators(plugin_path: str, tmp_path: Path, predicted: onnx.ModelProto) -> None:
    made = tools.half_all(predicted, tmp_path)
    for plugin in (False, True):
        with pytest.raises(ModelError, match="ONNX Runtime cannot load it"):
            outputs(made, plugin)


def test_two_rewritten_models_cannot_be_merged(tmp_path: Path, predicted: onnx.ModelProto) -> None:
    with pytest.raises(ValueError, match="overlapping local function names"):
        tools.merge_two(predicted, tmp_path)


def test_what_was_saved_without_the_library_is_rewritten_again(
    plugin_path: str, tmp_path: Path, predicted: onnx.ModelProto
) -> None:
    assert sum(rewritten(BASIC(predicted, tmp_path), lossless=True).plan.counts().values()) == SITES


def test_what_was_saved_with_the_library_is_refused(
    plugin_path: str, tmp_path: Path, predicted: onnx.ModelProto
) -> None:
    with pytest.raises(ModelError, match="rewritten before"):
        rewritten(tools.optimized("BASIC", True)(predicted, tmp_path))


def test_once_the_library_was_used_other_models_import_its_domains(plugin_path: str, tmp_path: Path) -> None:
    saved = tools.optimized("BASIC", True)(network(), tmp_path)
    assert {"ai.spl.conv", "ai.spl.gemm"} <= {entry.domain for entry in saved.opset_import}
    assert not uses_plugin(saved)
    result = rewritten(saved, lossless=True)
    assert distance(outputs(result.model, True), outputs(network(), False)) <= ROUNDING
