"""`python -m spl_onnx` is `spl-onnx`."""

import sys

from spl_onnx.cli.main import main

sys.exit(main())
