"""Slips in the peers that were met, each mended in memory by replacing one piece of one method's own source."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from ornstein.common.errors import RunError


def mended(kind: Any, method: str, changes: dict[str, str]) -> Any:
    """A peer's class with pieces of one method's source replaced, in memory: to show that a difference comes from that piece alone."""
    original = inspect.unwrap(getattr(kind, method))
    source = textwrap.dedent(inspect.getsource(original))
    for old, new in changes.items():
        if old not in source:
            raise RunError(f"{kind.__name__}.{method} does not hold {old!r}: this is another version of the peer")
        source = source.replace(old, new)
    made = dict(original.__globals__)
    exec(source, made)
    return type(kind.__name__, (kind,), {method: made[method]})


REAB = {"alpha_s**2 + sigma_t**2": "alpha_s**2 + sigma_s**2"}
"""azula 0.11.1 multiplies the integral by sqrt(alpha_s^2 + sigma_t^2) where its docstring has sqrt(alpha_s^2 + sigma_s^2): as it is, the
samples converge to another law. The comparison is with what it says."""

DOUBLE = {
    "sample.to(torch.float32)": "sample.to(torch.float64)",
    "device=model_output.device, dtype=torch.float32)": "dtype=torch.float64)",
}
"""diffusers 0.42.1 runs the steps of DPM-Solver++ in float32, whatever it is given."""

THIRD = {"- 2.0 * h) / (2.0 * h) ** 2 - 0.5)": "- 2.0 * h) / (2.0 * h) ** 2 + 0.5)"}
"""The third-order term of diffusers' SDE-DPM-Solver++ has the constant 1/2 with the opposite sign to k-diffusion's and to its own
solver without noise, so that it tends to -1 and not to 0 with the step."""
