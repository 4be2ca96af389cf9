"""Files of the user: only plain files are read, and an output is replaced whole or not at all.

Every file that the package writes for the user goes through `write_file`, `write_pair` or `write_text`.
"""

from spl_onnx.files.journal import locked_journal
from spl_onnx.files.kinds import descriptor_of
from spl_onnx.files.output import Output, is_same_file, resolve_output
from spl_onnx.files.reading import open_inside, open_plain, read_file
from spl_onnx.files.replace import check_pair, write_file, write_pair
from spl_onnx.files.text import write_text

__all__ = [
    "Output",
    "check_pair",
    "descriptor_of",
    "is_same_file",
    "locked_journal",
    "open_inside",
    "open_plain",
    "read_file",
    "resolve_output",
    "write_file",
    "write_pair",
    "write_text",
]
