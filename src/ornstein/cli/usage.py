"""What the parser refuses, in one sentence of our own: what checks its values speaks of its insides."""

from __future__ import annotations

from typing import Any

from ornstein.common.errors import InputError, short

_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}
"""The first word of what the check calls a fault, and what would be none."""


def sentence(problem: Any) -> str:
    """The sentence of an error of the parser: the option, what is allowed and what came where it is a value, else the parser's own."""
    fault = _fault(problem)
    kind = _KINDS.get(str(fault.get("type", "")).split("_")[0])
    if kind is None:
        return str(problem.format_message())
    return str(InputError(f"{problem.param.opts[0]} is {short(fault['input'])}, but must be {kind}"))


def _fault(problem: Any) -> dict[str, Any]:
    """What the check of a value found, {"type", "input", ...}; empty for an error of another kind."""
    errors = getattr(problem.__cause__, "errors", None)
    found: list[dict[str, Any]] = errors() if callable(errors) and getattr(problem, "param", None) is not None else []
    return found[0] if found else {}
