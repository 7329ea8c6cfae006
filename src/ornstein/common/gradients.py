"""Work that needs gradients, whatever the caller has switched off around it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch

F = TypeVar("F", bound=Callable[..., Any])


def with_gradients(function: F) -> F:
    """The function with gradients on and inference mode off: fits differentiate, and what they return can be differentiated again."""

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        with torch.inference_mode(False), torch.enable_grad():
            return function(*arguments, **named)

    cast("Any", called).__kwdefaults__ = getattr(function, "__kwdefaults__", None)
    return cast("F", called)
