"""Networks that diffusers trained, as denoisers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ornstein.common.checks import extra
from ornstein.common.errors import InputError
from ornstein.denoisers.base import Shape
from ornstein.denoisers.chains import Chain, chain
from ornstein.denoisers.predicted import Predicted
from ornstein.schedules import Schedule

MODELS = ("UNet1DModel", "UNet2DModel")
WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json")


def from_diffusers(
    folder: str | os.PathLike[str],
    *,
    schedule: Schedule | None = None,
    kind: str | None = None,
    event_shape: Shape | None = None,
    label: int | None = None,
    device: torch.device | str = "cpu",
) -> Predicted:
    """A UNet1DModel or UNet2DModel from a folder of diffusers on this machine, as a denoiser for every sampler.

        denoiser = orn.denoisers.from_diffusers("ddpm-cat-256")
        x = orn.samplers.sample(denoiser, orn.samplers.DPMSolver(2), denoiser.schedule, 20, 4, dtype=torch.float32)

    folder       config.json and safetensors weights, in the folder itself or in its ``unet``; the schedule and the kind of prediction
                 from scheduler_config.json there or in ``scheduler`` (see ``chains.chain``)
    schedule, kind   both, for a folder without a scheduler: the model is then told t T - 1 on a ``Discrete`` chain, and otherwise t
    event_shape  where the configuration does not say it
    label        the class, for a model with ``num_class_embeds``

    Signals are scaled as they were in training, usually to [-1, 1]. Nothing is downloaded or unpickled. Needs the extra
    diffusers. Raises ``InputError`` for a missing or damaged file, another model or scheduler, weights that are no safetensors.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"{root} is not a folder: give one that diffusers' save_pretrained wrote, on this machine")
    model, scheduler = _first(root, "config.json", "unet"), _first(root, "scheduler_config.json", "scheduler")
    if model is None:
        raise InputError(f"{root} has no config.json, in it or in its folder unet: give a folder that diffusers' save_pretrained wrote")
    config = _json(model)
    name = config.get("_class_name")
    if name not in MODELS:
        raise InputError(f"{model} describes a {name}, but only {' and '.join(MODELS)} can be read: wrap another module with Predicted")
    if not any((model.parent / weights).is_file() for weights in WEIGHTS):
        raise InputError(f"{model.parent} has no {WEIGHTS[0]}: save the model again with safe_serialization=True")
    if (schedule is None) != (kind is None):
        raise InputError("schedule and kind belong together: give both, or leave both to scheduler_config.json")
    if schedule is not None and kind is not None:
        found = Chain(schedule, kind, getattr(schedule, "steps", 0))
    elif scheduler is not None:
        found = chain(_json(scheduler))
    else:
        raise InputError(f"{root} has no scheduler_config.json, so it does not say what the model predicts: pass schedule= and kind=")
    shape = _event_shape(config, event_shape, model)
    _check_channels(config, found, model)
    classes = config.get("num_class_embeds")
    if (label is None) != (classes is None) or (label is not None and not 0 <= label < (classes or 0)):
        wanted = f"a class from 0 to {classes - 1}: pass label=" if classes else "no classes: leave label out"
        raise InputError(f"label is {label}, but {model} describes a model with {wanted}")
    diffusers = extra("diffusers", "diffusers", "reading a diffusers model")
    try:
        module = getattr(diffusers, name).from_pretrained(model.parent, use_safetensors=True, local_files_only=True)
    except Exception as error:  # a damaged file surfaces as almost any error
        words = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{model.parent} cannot be read by diffusers ({words}): restore it from a copy") from None
    return Predicted(Unet(module.eval().to(device), shape[0], label), found.kind, found.schedule, shape, found.clock)


class Unet(nn.Module):
    """A model of diffusers as a function of x_t and time, with its class, without what it says about a variance."""

    def __init__(self, module: Callable[..., Any], channels: int, label: int | None) -> None:
        super().__init__()
        self.module, self.channels, self.label = module, channels, label

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        classes = {} if self.label is None else {"class_labels": torch.full_like(t, self.label, dtype=torch.int64)}
        out: Tensor = self.module(x_t, t, return_dict=False, **classes)[0]
        return out[:, : self.channels]


def _first(root: Path, name: str, inner: str) -> Path | None:
    """The file in its folder of a pipeline, or in the root."""
    return next((file for file in (root / inner / name, root / name) if file.is_file()), None)


def _json(file: Path) -> dict[str, Any]:
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({error}): restore it from a copy") from None
    if not isinstance(config, dict):
        raise InputError(f"{file} does not hold a configuration: restore it from a copy")
    return config


def _event_shape(config: dict[str, Any], given: Shape | None, file: Path) -> Shape:
    """(channel, *spatial)."""
    channels, size, axes = config.get("in_channels"), config.get("sample_size"), 1 if config["_class_name"] == "UNet1DModel" else 2
    if given is not None:
        if len(given) != axes + 1 or given[0] != channels:
            raise InputError(f"event_shape is {given}, but {file} describes signals of {channels} channels and {axes} axes")
        return tuple(given)
    spatial = (size,) * axes if isinstance(size, int) else tuple(size or ())
    if not isinstance(channels, int) or len(spatial) != axes:
        raise InputError(f"{file} says sample_size is {size}: pass event_shape=(channel, {'time' if axes == 1 else 'height, width'})")
    return (channels, *spatial)


def _check_channels(config: dict[str, Any], found: Chain, file: Path) -> None:
    """That what comes out is a signal, perhaps with a variance."""
    into, out = config.get("in_channels"), config.get("out_channels")
    if out != (2 * into if found.learned and into else into):
        raise InputError(
            f"{file} describes a model from {into} to {out} channels, but a prediction has those of its input, or twice as many "
            "where variance_type is learned"
        )
