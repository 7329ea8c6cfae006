"""Figures as inline SVG that is the same, byte for byte, for the same figure."""

from __future__ import annotations

import io
import re
import warnings

from matplotlib import rc_context
from matplotlib.figure import Figure

_ROOT = "font-family: system-ui, 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif; stroke-linejoin: round"

_LONG = re.compile(r"(\.\d\d)\d+")
"""Hundredths of a point are finer than any screen; the rest of the decimals would be two thirds of the file."""


def to_svg(figure: Figure, name: str = "figure") -> str:
    """The figure as an <svg> element to put into a page: no date, no fixed size, text as text in the reader's own fonts.

    ``name`` keeps the ids of several figures in one page apart.
    """
    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": f"ornstein-{name}"}), warnings.catch_warnings():
        # the reader's fonts will draw what the font used for measuring lacks, such as Chinese channel names
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(buffer, format="svg", metadata=metadata, transparent=True)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].strip()
    for part in (r"<metadata>.*?</metadata>\s*", r"<defs>\s*<style.*?</style>\s*</defs>\s*", r" font-family: [^;\"]*;"):
        svg = re.sub(part, "", svg, flags=re.DOTALL)
    svg = re.sub(r'<svg([^>]*?) width="[^"]*"( [^>]*?)?>', rf'<svg\1\2 style="{_ROOT}">', svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r' (?:d|x|y)="[^"]*"', lambda drawn: _LONG.sub(r"\1", drawn[0]), svg)
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
