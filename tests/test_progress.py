"""Progress that is not shown."""

from __future__ import annotations

from spl_onnx.progress import silent, silent_stages


def test_silent_stages_can_be_told_anything(capsys):
    with silent_stages("work", None) as progress:
        assert progress is silent and progress(3) is None
    assert capsys.readouterr() == ("", "")
