"""Whether a module can be used as a network: every mistake in how it is called or what it returns becomes one sentence."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeGuard, cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from ornstein.common.errors import InputError, RunError
from ornstein.nets.condition import Condition

NOISE = (-0.5, 0.5)
"""Features log(sigma) / 4 of the two cases of a trial call: noise of about 1/7 and 7 times the deviation of the signals."""


def accepts(module: nn.Module, x: Tensor, condition: Condition | None = None) -> None:
    """One trial call F(x, noise) or F(x, noise, condition) on two cases, as training and sampling will make it.

    x          signals (case, *event); the first two are used, or the only one twice
    condition  one row per case of x, or a single row

    Raises ``InputError`` that names the class of the module and what was expected: something that is no module, one without parameters
    or with parameters on several devices, arguments it does not take, a failure inside it, an answer that is no tensor, not
    floating point, of another shape, on another device, not finite, or that no gradient can reach. ``RunError`` where memory
    ran out. The module is called in evaluation mode and left in its own; its parameters and buffers stay as they are.
    """
    if not isinstance(module, nn.Module):
        raise InputError(f"module is a {type(module).__name__}, but must be a torch.nn.Module called as F(x, noise)")
    name = name_of(module)
    if any(isinstance(p, UninitializedParameter) for p in module.parameters()):
        raise InputError(f"{name} has lazy parts without sizes: call it once on a signal and a noise level, or give their sizes")
    if bad := next((key for key, p in module.named_parameters() if p.is_complex()), None):
        raise InputError(f"{name} has the complex weight {bad}, but must be real: keep real and imaginary part as two parameters")
    own = first_parameter(module)
    devices = sorted({str(p.device) for p in module.parameters()})
    if len(devices) > 1:
        raise InputError(f"{name} has parameters on {' and '.join(devices)}, but one device must hold all: move it with module.to(device)")
    if not len(x):
        raise InputError("x holds no cases: give at least one")
    rows = torch.arange(2) % len(x)
    seen = x[rows.to(x.device)].to(own)
    shown = torch.cat([seen] * inputs_of(module), 1)
    given = () if condition is None else (_two(condition, len(x), own),)
    arguments = (shown, torch.tensor(NOISE, dtype=own.dtype, device=own.device), *given)
    called = f"F(x, noise{', condition' if given else ''}) with x {_kind(shown)} and noise (2,)"
    _takes(module, name, arguments, called)
    try:
        with evaluating(module), torch.enable_grad():
            out = module(*arguments)
    except torch.cuda.OutOfMemoryError:
        raise RunError(f"{name} runs out of memory on two cases of shape {tuple(seen.shape[1:])}: make it smaller") from None
    except Exception as error:  # whatever a module of someone else's may raise
        words = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"{name} fails when called as {called}: {words}") from error
    answered(name, out, seen)
    if out.device != seen.device:
        raise InputError(f"{name} returned a tensor on {out.device} for x on {seen.device}, but must answer on the device of its input")
    finite(name, out)
    if any(p.requires_grad for p in module.parameters()) and not out.requires_grad:
        raise InputError(f"{name} returned a tensor without a gradient, so it cannot be trained: leave out detach() and torch.no_grad()")


def answered(name: str, out: object, x: Tensor) -> TypeGuard[Tensor]:
    """That ``out`` is a floating-point tensor of the shape of x, or ``InputError`` naming the module."""
    if not isinstance(out, Tensor):
        hint = "return the tensor alone" if isinstance(out, tuple | list) or hasattr(out, "sample") else "return a tensor"
        raise InputError(f"{name} returned a {type(out).__name__}, but must return a tensor of the shape of x, {tuple(x.shape)}: {hint}")
    if out.shape != x.shape:
        raise InputError(f"{name} returned shape {tuple(out.shape)} for x of shape {tuple(x.shape)}, but must return the shape of x")
    if not out.is_floating_point():
        kind = str(out.dtype).removeprefix("torch.")
        raise InputError(f"{name} returned {kind} values, but must return floating-point numbers, in the type of its parameters")
    return True


def finite(name: str, out: Tensor) -> None:
    """``InputError`` naming the module where its answer holds NaN or infinite values.

    Only on the CPU: elsewhere a look would wait for the device, and the sampling loop looks once at its end. In compiled code and
    under ``torch.func.vmap`` values cannot be looked at.
    """
    if out.device.type != "cpu" or torch.compiler.is_compiling():
        return
    total = out.detach().sum(dtype=torch.float64)
    try:
        fine = math.isfinite(float(total))
    except RuntimeError:  # inside vmap
        return
    if not fine:
        raise InputError(f"{name} returned NaN or infinite values: check its weights, and that its input has unit size")


@contextmanager
def evaluating(module: object) -> Iterator[None]:
    """Dropout off and batch statistics fixed inside; the parts that were in training mode are so again afterwards."""
    training = [part for part in module.modules() if part.training] if isinstance(module, nn.Module) else []
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def first_parameter(module: nn.Module) -> Tensor:
    """What tells the device and the type of a module. Raises ``InputError`` for one without parameters."""
    for parameter in module.parameters():
        if parameter.is_floating_point():
            return parameter
    raise InputError(f"{name_of(module)} has no parameters, so there is nothing to train: pass it to Predicted as a function instead")


def inputs_of(module: nn.Module) -> int:
    """How many signals F is shown, one after the other along axis 1: its attribute ``inputs``, 1 where it has none (see ``Net``)."""
    inner = module
    while not isinstance(found := getattr(inner, "inputs", None), int):
        below = next((part for name in ("module", "_orig_mod") if isinstance(part := getattr(inner, name, None), nn.Module)), None)
        if below is None:
            return 1
        inner = below
    return found


def entrywise(module: nn.Module) -> bool:
    """Whether F looks at hidden entries one by one: its attribute ``entrywise`` (see ``Entries``)."""
    inner = module
    while not isinstance(found := getattr(inner, "entrywise", None), bool):
        below = next((part for name in ("module", "_orig_mod") if isinstance(part := getattr(inner, name, None), nn.Module)), None)
        if below is None:
            return False
        inner = below
    return found


def name_of(function: nn.Module | Callable[..., object]) -> str:
    """The class of a module, below any wrapper that trains or compiles it; the name of a function."""
    inner = function
    while isinstance(inner, nn.Module):
        below = next((found for name in ("module", "_orig_mod") if isinstance(found := getattr(inner, name, None), nn.Module)), None)
        if below is None:
            return type(inner).__name__
        inner = below
    return getattr(inner, "__name__", type(inner).__name__)


def _two(condition: Condition, cases: int, like: Tensor) -> Condition:
    whole = condition.of(cases)
    return whole[torch.arange(2) % cases].to(like.device, like.dtype)


def _takes(module: nn.Module, name: str, arguments: tuple[object, ...], called: str) -> None:
    """That the signature of ``forward`` fits, where it has one."""
    try:
        signature = inspect.signature(cast("Callable[..., object]", module.forward))
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        takes = f"{name}.forward takes {signature}, but is called as {called}"
        raise InputError(f"{takes}: give it these arguments, in this order") from None


def _kind(x: Tensor) -> str:
    return f"{tuple(x.shape)} {str(x.dtype).removeprefix('torch.')}"
