"""Errors: one line, one exit code each."""

from __future__ import annotations

from spl_onnx import errors
from spl_onnx.errors import SplError, UsageError


def test_messages_are_one_line():
    assert str(UsageError("first\n  second\tthird")) == "first second third"


def test_messages_cannot_command_a_terminal():
    assert str(UsageError("node '\x1b[2J\u202e\x9b31m'")) == "node '\\u001b[2J\\u202e\\u009b31m'"


def test_exit_codes():
    codes = {
        name: cls.exit_code
        for name, cls in vars(errors).items()
        if isinstance(cls, type) and cls is not SplError
    }
    assert codes == {
        "UsageError": 2,
        "ModelError": 3,
        "MissingDataError": 3,
        "RuleError": 3,
        "VerificationError": 1,
        "PluginError": 4,
        "DataError": 4,
    }
