"""Widgets for notebooks (extra ``widgets``): the figures of the lab in a cell, by the same views, with their values in Python.

    pad = orn.widgets.Pad()                          draw a curve; pad.values
    view = orn.widgets.Diffusion(pad.values)         a curve dissolves and comes back; view.t
    gap = orn.widgets.Gap(pad.values, law)           brush a gap; gap.observed, gap.posterior()
    orn.widgets.Spectrum(law)                        eigenvalues in motion

They work wherever anywidget does: Jupyter, JupyterLab, marimo, VS Code, Colab. Nothing is loaded from elsewhere.
"""

from ornstein.widgets.diffusion import Diffusion
from ornstein.widgets.gap import Gap
from ornstein.widgets.pad import Pad
from ornstein.widgets.spectrum import Spectrum

__all__ = ["Diffusion", "Gap", "Pad", "Spectrum"]
