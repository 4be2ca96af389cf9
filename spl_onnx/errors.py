"""Every error the user can see: one line that says what, where, got, wanted and what to do."""

from __future__ import annotations

from spl_onnx.text import one_line


class SplError(Exception):
    """Base of all errors of spl-onnx.

    Attributes:
        exit_code: What the command line returns: 1 failed check, 2 usage, 3 bad model, 4 plugin or data.
    """

    exit_code: int = 1

    def __init__(self, message: str) -> None:
        # One line is a promise to scripts that read stderr; messages of other libraries often hold several,
        # and names in models may hold what a terminal would obey.
        super().__init__(one_line(message))


class UsageError(SplError):
    """The request itself is wrong: an unknown option value, contradictory flags."""

    exit_code = 2


class ModelError(SplError):
    """The model cannot be read, is not valid, or holds something the rewriter must not touch."""

    exit_code = 3


class MissingDataError(ModelError):
    """A file of the model's weights is not there, or is shorter than the model says."""


class RuleError(SplError):
    """A rule accepted a site but could not rewrite it."""

    exit_code = 3


class VerificationError(SplError):
    """The rewritten model is not valid, differs from the original, or loses too much accuracy."""

    exit_code = 1


class PluginError(SplError):
    """The operator library is missing, does not load, or does not fit the ONNX Runtime in use."""

    exit_code = 4


class DataError(SplError):
    """Calibration or evaluation data is missing, empty, or does not fit the model."""

    exit_code = 4
