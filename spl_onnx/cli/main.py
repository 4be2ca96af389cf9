"""`spl-onnx`: parse, call, exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from spl_onnx import __version__
from spl_onnx.errors import SplError, UsageError
from spl_onnx.text import one_line, visible

#: Each is a module of this package with HELP, add_arguments(parser) and run(args).
COMMANDS = ("rewrite", "inspect", "bench", "eval", "compare", "doctor", "lib-path")

MODEL_FAULT = 3
SYSTEM_FAULT = 4
INTERRUPTED = 130
_PIPE_CLOSED = 141

_EXIT_CODES = """exit codes: 0 done; 1 accuracy or verification failed, nothing written; 2 usage;
3 bad model; 4 plugin or data"""


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line as every other error: one line, exit code 2."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands."""
    parser = _Parser(
        prog="spl-onnx",
        description="Rewrite ONNX models so that only outputs that matter are computed.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"spl-onnx {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"spl_onnx.cli.{name.replace('-', '_')}")
        command = commands.add_parser(name, help=module.HELP, description=module.HELP, allow_abbrev=False)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; None = those of the process.

    Returns:
        The exit code.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    verbose = any(word in ("-v", "--verbose") for word in arguments)
    try:
        args = build_parser().parse_args(arguments)
        return int(args.run(args))
    except SystemExit as leaving:  # --help and --version
        return int(leaving.code or 0)
    except BrokenPipeError:
        # The reader of the output has gone; without this Python complains again when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED, verbose=False)
    except SplError as error:
        return _fail(str(error), error.exit_code, verbose)
    except (OSError, MemoryError, ImportError) as error:
        return _fail(_unexpected(error), SYSTEM_FAULT, verbose)
    except Exception as error:
        return _fail(_unexpected(error), MODEL_FAULT, verbose)


def _unexpected(error: BaseException) -> str:
    """One line for an error that nobody foresaw."""
    text = one_line(str(error))
    return f"unexpected {type(error).__name__}: {text or 'no message'} (-v shows the trace)"


def _fail(message: str, code: int, verbose: bool) -> int:
    if verbose:
        print(visible(traceback.format_exc(), keep="\n"), end="", file=sys.stderr)
    print(f"spl-onnx: error: {message}", file=sys.stderr)
    return code
