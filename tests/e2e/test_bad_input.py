"""Bad input: one clear line, the documented exit code, and an existing output file as it was."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from spl_onnx.cli.main import main
from spl_onnx.options import RewriteOptions
from spl_onnx.steps import rewrite_model
from tests import datasets
from tests.small_models import small_cnn, small_images

OLD = b"the old output"


@pytest.fixture
def folder(tmp_path):
    """A good model, an old output and good data."""
    onnx.save(small_cnn(), tmp_path / "in.onnx")
    (tmp_path / "out.onnx").write_bytes(OLD)
    np.savez(tmp_path / "data.npz", x=small_images(4), y=np.arange(4))
    return tmp_path


def rewrite(folder, *flags, source="in.onnx", target="out.onnx"):
    return main(["rewrite", str(folder / source), str(folder / target), "-q", *map(str, flags)])


def assert_refused(folder, capsys, code, got, *words):
    """The exit code, one line that says it all, nothing written and nothing left behind."""
    output = capsys.readouterr()
    assert got == code
    assert output.err.startswith("spl-onnx: error: ") and output.err.count("\n") == 1, output.err
    for word in words:
        assert word in output.err
    assert (folder / "out.onnx").read_bytes() == OLD
    assert not [path for path in folder.iterdir() if path.name.startswith(".") or path.suffix == ".tmp"]


def test_missing_file(folder, capsys):
    assert_refused(folder, capsys, 3, rewrite(folder, source="no.onnx"), "no.onnx", "no such file")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_file(folder, capsys, share):
    content = (folder / "in.onnx").read_bytes()
    (folder / "cut.onnx").write_bytes(content[: int(len(content) * share)])
    assert_refused(folder, capsys, 3, rewrite(folder, source="cut.onnx"), "cut.onnx")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(100), b"<html>404</html>"])
def test_not_onnx(folder, capsys, content):
    (folder / "other.onnx").write_bytes(content)
    assert_refused(folder, capsys, 3, rewrite(folder, source="other.onnx"), "other.onnx")


def test_missing_weights_file(folder, capsys):
    onnx.save(
        small_cnn(), folder / "ext.onnx", save_as_external_data=True, location="ext.data", size_threshold=0
    )
    (folder / "ext.data").unlink()
    assert_refused(folder, capsys, 3, rewrite(folder, source="ext.onnx"), "ext.data")


def test_truncated_weights_file(folder, capsys):
    onnx.save(
        small_cnn(), folder / "ext.onnx", save_as_external_data=True, location="ext.data", size_threshold=0
    )
    (folder / "ext.data").write_bytes((folder / "ext.data").read_bytes()[:-100])
    assert_refused(folder, capsys, 3, rewrite(folder, source="ext.onnx"), "ext.data")


def test_domain_already_used(folder, capsys):
    onnx.save(rewrite_model(small_cnn(), RewriteOptions(no_verify=True)).model, folder / "twice.onnx")
    assert_refused(folder, capsys, 3, rewrite(folder, source="twice.onnx"), "ai.spl.")


def test_wrong_image_size(folder, capsys):
    np.savez(folder / "data.npz", x=np.zeros((4, 3, 9, 8), np.float32))
    got = rewrite(folder, "--data", folder / "data.npz")
    assert_refused(folder, capsys, 4, got, "[4, 3, 9, 8]", "[?, 3, 8, 8]")


def test_empty_data(folder, capsys):
    np.savez(folder / "data.npz", x=small_images(0))
    assert_refused(
        folder, capsys, 4, rewrite(folder, "--data", folder / "data.npz"), "data.npz", "no samples"
    )
    (folder / "images").mkdir()
    assert_refused(
        folder, capsys, 4, rewrite(folder, "--data", folder / "images", "--preprocess", "unit"), "images"
    )


def test_missing_data(folder, capsys):
    assert_refused(folder, capsys, 4, rewrite(folder, "--data", folder / "nothing"), "nothing", "not found")


def test_labels_of_another_network(folder, capsys, plugin_path):
    np.savez(folder / "data.npz", x=small_images(4), y=np.array([0, 1, 2, 999]))
    assert_refused(folder, capsys, 4, rewrite(folder, "--data", folder / "data.npz"), "999", "0 to 4")


def test_output_is_a_folder(folder, capsys):
    assert_refused(folder, capsys, 2, rewrite(folder, target="."), "is a folder")


def test_output_folder_is_missing(folder, capsys):
    assert_refused(folder, capsys, 2, rewrite(folder, target="no/out.onnx"), "there is no folder")


def test_output_cannot_be_written(folder, capsys, monkeypatch):
    def refuse(**kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("spl_onnx.cli.outputs.tempfile.TemporaryFile", refuse)
    assert_refused(folder, capsys, 2, rewrite(folder), "cannot write into", "Permission denied")


def test_disk_is_full_at_the_end(folder, capsys, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert_refused(folder, capsys, 3, rewrite(folder), "out.onnx", "No space left on device")


def test_output_is_the_input(folder, capsys):
    before = (folder / "in.onnx").read_bytes()
    assert_refused(folder, capsys, 2, rewrite(folder, target="in.onnx"), "in.onnx")
    assert (folder / "in.onnx").read_bytes() == before


def test_accuracy_falls_too_far(folder, capsys, plugin_path):
    """A predictor that keeps 2 % of the weights of a random network is as good as a coin."""
    report, plan = folder / "report.json", folder / "plan.json"
    np.savez(folder / "data.npz", x=small_images(64))
    flags = ["--data", folder / "data.npz", "--objective", "none", "--metric", "mse", "--max-drop", "1e-6"]
    flags += [
        "--rules",
        "all",
        "--predictor",
        "pruned",
        "--keep",
        "0.02",
        "--json",
        report,
        "--plan-out",
        plan,
    ]
    assert_refused(folder, capsys, 1, rewrite(folder, *flags), "mse", "64 samples", "--max-drop")
    assert not report.exists() and not plan.exists()


def test_interrupted(folder, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("spl_onnx.chosen.make_plan", interrupt)
    assert_refused(folder, capsys, 130, rewrite(folder), "interrupted")


def test_wrong_image_size_of_a_real_network(tmp_path, capsys):
    """Images smaller than the crop are scaled up; a --resize below it is refused."""
    images = datasets.require("imagenet1k-sample")
    path = datasets.network_path("squeezenet1.1")
    (tmp_path / "out.onnx").write_bytes(OLD)
    flags = ["--data", str(images), "--preprocess", "imagenet", "--resize", "100", "--limit", "8", "-q"]
    got = main(["rewrite", str(path), str(tmp_path / "out.onnx"), *flags])
    assert_refused(tmp_path, capsys, 4, got, "224x224")


ESCAPES = "\x1b[2J\x1b]0;title\x07\u202e\x9b31m[red]"


def escaping(model):
    """The model with names that command a terminal."""
    for number, node in enumerate(model.graph.node):
        node.name = f"{ESCAPES}{number}"
        for other in model.graph.node:
            for names in (other.input, other.output):
                names[:] = [f"{ESCAPES}{name}" if name == "pooled" else name for name in names]
    return model


@pytest.mark.parametrize("command", ["inspect", "rewrite", "dry", "bench"])
def test_names_cannot_command_the_terminal(folder, capsys, command):
    onnx.save(escaping(small_cnn()), folder / "esc.onnx")
    path, out = str(folder / "esc.onnx"), str(folder / "new.onnx")
    words = {
        "inspect": ["inspect", path],
        "rewrite": ["rewrite", path, out, "--rules", "all", "--no-verify"],
        "dry": ["rewrite", path, "--dry-run", "--rules", "conv"],
        "bench": ["bench", path, "--runs", "1", "--warmup", "0"],
    }
    assert main(words[command]) == 0
    printed = "".join(capsys.readouterr())
    assert "\\u001b[2J" in printed and printed.replace("\n", "").isprintable()


def test_names_in_errors_and_traces_cannot_command_the_terminal(folder, capsys):
    model = escaping(small_cnn())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=f"../{ESCAPES}")
    onnx.save(model, folder / "esc.onnx")
    assert rewrite(folder, "-v", source="esc.onnx") == 3
    printed = "".join(capsys.readouterr())
    assert "is refused" in printed and printed.replace("\n", "").isprintable()


def sequence_model(site):
    """Rows that come as a sequence."""
    model = small_cnn()
    nodes = list(model.graph.node)[7:] if site else [onnx.helper.make_node("Abs", ["flat"], ["logits"])]
    del model.graph.node[:], model.graph.input[:]
    model.graph.node.append(onnx.helper.make_node("ConcatFromSequence", ["rows"], ["flat"], axis=0))
    model.graph.node.extend(nodes)
    model.graph.input.append(onnx.helper.make_tensor_sequence_value_info("rows", 1, [None, 16]))
    model.graph.output[0].type.tensor_type.shape.dim[1].ClearField("dim_value")
    return model


@pytest.mark.parametrize("site", [True, False])
def test_inputs_that_are_sequences(folder, capsys, site, plugin_path):
    path = folder / "seq.onnx"
    onnx.save(sequence_model(site), path)
    assert main(["inspect", str(path)]) == 0
    assert "rows a sequence ->" in capsys.readouterr().out
    assert main(["rewrite", str(path), str(folder / "new.onnx"), "--no-verify", "-q"]) == 0
    if site:
        got = rewrite(folder, source="seq.onnx")
        assert_refused(folder, capsys, 2, got, "'rows'", "--no-verify")
    else:
        assert rewrite(folder, "--dry-run", source="seq.onnx") == 0
    assert_refused(folder, capsys, 2, main(["bench", str(path), "-q"]), "'rows' is a sequence")
    flags = ["--data", folder / "data.npz", "--objective", "none", "--no-verify"]
    assert_refused(folder, capsys, 4, rewrite(folder, *flags, source="seq.onnx"), "data.npz", "a sequence")


@pytest.mark.parametrize("size", [-1, -(1 << 62)])
def test_sizes_below_zero_are_free(folder, capsys, size, plugin_path):
    model = small_cnn()
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = size
    for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.dim_value = size
    onnx.save(model, folder / "free.onnx")
    path, out, data = (str(folder / name) for name in ("free.onnx", "new.onnx", "data.npz"))
    for words in (
        ["inspect", path],
        ["rewrite", path, out],
        ["rewrite", path, out, "--input-shape", "input:1,3,16,16"],
        ["rewrite", path, out, "--no-verify", "--data", data, "--objective", "none", "--max-drop", "1"],
        ["compare", path, path, "--data", data],
        ["bench", path, "--runs", "1", "--warmup", "0"],
    ):
        assert main([*words, "-q"]) == 0, capsys.readouterr()
    written = onnx.load(out)
    sizes = [dim.dim_value for value in written.graph.value_info for dim in value.type.tensor_type.shape.dim]
    assert min(sizes, default=0) >= 0


def test_a_model_that_nobody_takes_is_refused_without_a_site_too(folder, capsys):
    model = small_cnn()
    del model.graph.node[:]
    model.graph.node.append(onnx.helper.make_node("Abs", ["nowhere"], ["logits"]))
    onnx.save(model, folder / "broken.onnx")
    assert_refused(
        folder, capsys, 3, rewrite(folder, source="broken.onnx"), "broken.onnx", "not a valid model"
    )
