"""The original on made-up input."""

from __future__ import annotations

import numpy as np
import pytest

from spl_onnx.errors import VerificationError
from spl_onnx.options import RewriteOptions
from spl_onnx.rewrite.model.model_io import LoadedModel
from spl_onnx.rewrite.process import runner
from spl_onnx.rewrite.process.runner import RunError
from spl_onnx.rewrite.verification import original
from spl_onnx.rewrite.verification.original import NOISY_RUNS, Original, data_dependent_outputs
from spl_onnx.rewrite.verification.tolerance import LEAST_TOLERANCE
from tests.rewrite.builders import Net
from tests.rewrite.verification.networks import magnified, places, plain, saturated


def opened(model, **options) -> Original:
    return Original(LoadedModel(model), RewriteOptions(**options))


def test_rounding_shows_in_the_output_and_is_small():
    with opened(plain()) as known:
        (bound,) = known.bounds
    assert bound.name == "y" and bound.proves
    assert 0 < bound.noise < LEAST_TOLERANCE
    assert bound.same_shape and known.expected[0].shape == (1, 5, 4, 4)


def test_outputs_that_prove_nothing():
    with opened(magnified()) as wild, opened(saturated()) as still:
        assert wild.bounds[0].noise > 0.1 and not wild.bounds[0].compares
        assert still.bounds[0].noise == 0 and not still.bounds[0].proves


def test_shapes_that_depend_on_values():
    assert data_dependent_outputs(places()) == {"y"}
    with opened(places()) as known:
        assert [known.shape_is_fixed(index) for index in range(2)] == [False, True]


def test_a_loop_decides_the_shape_behind_it():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", [1, 2, 6, 6]), "c", 3, 2)], "t")
    made.node("NonZero", ["t"], "places")
    made.node("Cast", ["places"], "t_cast", to=1)
    assert data_dependent_outputs(made.in_if("t_cast", rank=2)) == {"y"}


def test_a_model_too_large_to_copy_has_noise_in_its_inputs(monkeypatch):
    monkeypatch.setattr(original, "MAX_INLINE_BYTES", 0)
    monkeypatch.setattr(original, "noisy_model", lambda model: pytest.fail("copied"))
    jobs = []
    real = Original._tried
    monkeypatch.setattr(Original, "_tried", lambda self, job: jobs.append(job) or real(self, job))
    with opened(plain()) as known:
        assert known.bounds[0].proves
    assert len(jobs) == 1 + NOISY_RUNS and len({job.feeds["x"].tobytes() for job in jobs[1:]}) == NOISY_RUNS


def test_noise_that_cannot_be_added_is_left_out(monkeypatch):
    """Here by a model that is none."""
    monkeypatch.setattr(original, "noisy_model", lambda model: type(model)())
    with opened(plain()) as known:
        assert known.bounds[0].proves


def test_an_original_that_does_not_run():
    made = Net()
    made.node("Relu", [made.conv(made.input("x", ["N", 3, "H", "W"]), "c", 4, 3)], "r")
    made.node("Reshape", ["r", made.const("s", np.array([7, 11, 13]))], "z")
    with pytest.raises(VerificationError, match=r"original model does not run .* --input-shape"):
        opened(made.model("z"))


def test_other_models_run_on_the_same_input():
    with opened(plain()) as known:
        with known.as_source(plain()) as source:
            np.testing.assert_array_equal(known.run(source)[0], known.expected[0])
            runs = known.run_noisy(source, ("y",), plugin=False)
            assert [run[0].shape for run in runs] == [(1, 5, 4, 4)] * NOISY_RUNS
        with pytest.raises(RunError):
            known.run(b"no model")


def test_a_rewritten_model_may_take_much_longer_but_not_for_ever(monkeypatch):
    limits = []
    real = runner.Runner.run

    def run(self, job):
        limits.append(self.limit_s)
        return real(self, job)

    monkeypatch.setattr(runner.Runner, "run", run)
    with opened(plain()) as known:
        known.run(known.source)
    assert limits[0] == runner.LIMIT_S
    assert 120 <= limits[-1] < runner.LIMIT_S


def test_files_and_child_end_with_it(monkeypatch):
    from spl_onnx.rewrite.model import trial

    monkeypatch.setattr(trial, "PIPE_BYTES", 0)
    from pathlib import Path

    with opened(plain()) as known:
        source = Path(str(known.source))
        assert source.is_file()
        with known.as_source(plain()) as other:
            assert Path(str(other)).is_file()
        assert not Path(str(other)).exists()
    assert not source.parent.exists()
