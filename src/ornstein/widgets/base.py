"""What every widget has: its module, joined from the views and its own source; the words of a language; arrays as Float32."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ornstein import views
from ornstein.common.checks import extra
from ornstein.common.errors import unknown_name

if TYPE_CHECKING:
    from anywidget import AnyWidget
    from traitlets import Dict, Unicode
else:
    AnyWidget = extra("anywidget", "widgets", "ornstein.widgets").AnyWidget
    Dict, Unicode = (getattr(extra("traitlets", "widgets", "ornstein.widgets"), name) for name in ("Dict", "Unicode"))


class View(AnyWidget):
    """A figure of the views in a cell.

    words, label   what is written on it, in a language of ``views.LANGUAGES``, and what it is called for those who cannot see it
    """

    words = Dict().tag(sync=True)
    label = Unicode("").tag(sync=True)

    def __init__(self, label: str, language: str, **traits: Any) -> None:
        if language not in views.LANGUAGES:
            raise unknown_name("language", language, views.LANGUAGES)
        super().__init__(words=views.words(language), label=label, **traits)


def module(name: str, *shared: str) -> str:
    """The ES module of a widget: every view, the sources ``shared`` and its own, and its ``render`` as anywidget asks for it."""
    own = (files(__package__).joinpath(f"js/{part}.js").read_text(encoding="utf-8") for part in ("host", *shared, name))
    return views.bundle(*own) + "\nexport default { render };\n"


def packed(values: Tensor) -> bytes:
    """An array as little-endian Float32, row by row."""
    return values.detach().cpu().numpy().astype(np.dtype("<f4")).tobytes()
