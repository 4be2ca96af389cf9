"""The report of a rewrite as one self-contained page."""

from spl_onnx.report.html.page import page, write_html

__all__ = ["page", "write_html"]
