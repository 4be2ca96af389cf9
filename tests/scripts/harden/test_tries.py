"""Stages that try something by chance."""

from __future__ import annotations

import argparse

import pytest

from scripts.harden.tries import add_try_arguments, try_and_tell


@pytest.mark.parametrize(
    ("found", "code", "said"), [([], 0, "tried 3, bad 0\n"), (["a", "b"], 1, "tried 3, bad 2\n")]
)
def test_what_was_bad_is_told_and_counted(capsys, found, code, said):
    parser = argparse.ArgumentParser()
    add_try_arguments(parser, 9, "tries", "of the tries")
    seen = []

    def faults(count, seed):
        seen.append((count, seed))
        return found

    assert try_and_tell(faults, parser, ["--count", "3", "--seed", "5"]) == code
    assert seen == [(3, 5)]
    assert capsys.readouterr() == (said, "".join(f"{text}\n" for text in found))


def test_defaults():
    parser = argparse.ArgumentParser()
    add_try_arguments(parser, 9, "tries", "of the tries")
    assert vars(parser.parse_args([])) == {"count": 9, "seed": 0}
