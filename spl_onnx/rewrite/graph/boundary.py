"""The last line of defence where graphs are walked that nobody vouches for.

What a model may hold wrongly is checked where it is read, with a reason. What nobody thought of ends here, as
one error that asks for a report and keeps its cause. Errors that only a mistake of the program makes pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spl_onnx.errors import ModelError, SplError

#: Begins the message; whoever looks for gaps looks for it.
UNFORESEEN = "unexpected"

#: The stage of all that finds and edits sites.
REWRITING = "rewriting the model"

_NOT_OF_MODELS = (SplError, MemoryError, AssertionError, NameError, ImportError)


class UnforeseenError(ModelError):
    """What nobody thought of; its cause is what was raised."""


@contextmanager
def model_boundary(stage: str) -> Iterator[None]:
    """Turn what walking a damaged model raises into one error.

    Args:
        stage: What is done to the model, for the message.

    Raises:
        UnforeseenError: Something was raised that is no error of this program's own kinds.
    """
    try:
        yield
    except _NOT_OF_MODELS:
        raise
    except Exception as error:
        text = str(error) or "no message"
        raise UnforeseenError(
            f"{UNFORESEEN} {type(error).__name__} while {stage}: {text}; "
            "the model may be damaged: check it with onnx.checker, and please report it"
        ) from error
