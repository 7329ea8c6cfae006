"""One training step after another: the loop that a caller may own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from ornstein.common import checks
from ornstein.common.buffers import keep_freed
from ornstein.common.errors import InputError, RunError
from ornstein.common.ranks import ALONE, Ranks
from ornstein.denoisers import Network
from ornstein.nets import Condition
from ornstein.training.averages import Averages
from ornstein.training.clipping import clipped
from ornstein.training.distributed import spread
from ornstein.training.forward import Forward, low_precision, seeded_layers
from ornstein.training.loss import Draw, Loss
from ornstein.training.order import Order

BETAS = (0.9, 0.99)
"""Of AdamW, with no decay of the weights: their averages, and the held-out choice among them, do its work."""


@dataclass(frozen=True)
class Step:
    """What one step did: its number (from 1), mean loss and gradient norm, and whether it was taken; tensors still on the device.

    A step is not taken where the norm is NaN or infinite.
    """

    number: int
    loss: Tensor
    gradient: Tensor
    taken: Tensor
    rate: float


class Trainer:
    """A network, its signals and the state of training: weights, averages, optimiser, step. Everything random follows from (seed, step).

        for step in Trainer(network, x, loss).steps(1000):
            print(step.number, float(step.loss))

    x           (case, *event), scaled as the network sees it; kept on the device of the module
    condition   one row per case, or None
    batch       cases per step, at most their number
    accumulate  the batch goes through the network in so many parts; the gradient is that of the whole
    rate        learning rate of AdamW; ``pace`` in ``steps`` scales it
    clip        the longest gradient that is used; a longer one is shortened to it
    lengths     of the averages of the weights
    precision   "float32", "bfloat16" (automatic mixed precision), or "auto": the second on GPUs that have it
    compiled    whether torch.compile is used
    ranks       which share of every batch is this process's, where several train together; parallel  how, see ``spread``

    It takes one by one what ``Options`` holds together, since a caller who owns the loop has no folder, budget or held-out cases.

    On a CPU the process keeps up to 1 GiB of what it frees from here on (``buffers.keep_freed``), which saves a step 10 to 15 %.

    A step whose gradient is not finite is left out and counted. Where an accelerator runs out of memory, the parts of the batch are
    halved and the step is made again: the same batch, and the same gradient up to rounding. No step waits for the device.
    Raises ``RunError`` where memory does not hold a single case.
    """

    def __init__(
        self,
        network: Network,
        x: Tensor,
        loss: Loss,
        *,
        condition: Condition | None = None,
        batch: int = 128,
        accumulate: int = 1,
        rate: float = 1e-3,
        clip: float = 1.0,
        lengths: Sequence[float] = (16.0, 48.0, 160.0),
        precision: str = "float32",
        compiled: bool = False,
        seed: int = 0,
        ranks: Ranks = ALONE,
        parallel: str = "auto",
    ) -> None:
        if not any(p.requires_grad for p in network.module.parameters()):
            raise InputError("the module has no trainable parameters: set requires_grad on those to be trained")
        if checks.count(batch, "batch") < ranks.count:
            raise InputError(f"batch is {batch}, but must be at least the number of processes, {ranks.count}")
        shared = spread(network.module, ranks, parallel)
        network = replace(network, module=shared.own)
        parameters = [p for p in network.module.parameters() if p.requires_grad]
        device = parameters[0].device
        if device.type == "cpu":
            keep_freed()
        self.network, self.parameters = network, parameters
        self.training_network = replace(network, module=Forward(shared.called, low_precision(precision, device), compiled))
        self.x = x.to(network.preconditioning.mean)
        self.condition = None if condition is None else condition.to(device)
        self.loss = loss.to(device)
        self.batch = checks.count(batch, "batch", at_most=len(x))
        self.order = Order(len(x), self.batch, checks.count(seed, "seed", at_least=0), device)
        self.rate, self.clip = checks.positive(rate, "rate"), checks.positive(clip, "clip")
        self.seed, self.number, self.ranks = seed, 0, ranks
        self.part = -(-self.batch // (ranks.count * checks.count(accumulate, "accumulate", at_most=self.batch)))
        # what only training uses is whole on every process, and the fused optimiser does not mix split and whole tensors
        groups = [{"params": list(group)} for group in (parameters, self.loss.parameters()) if group]
        self.optimiser = torch.optim.AdamW(groups, lr=rate, betas=BETAS, weight_decay=0.0, fused=True)
        self.averages = Averages(network.module, lengths)
        self.skipped, self.skipped_in_a_row = torch.zeros(2, dtype=torch.int64, device=device).unbind()

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return self.parameters[0].device

    def steps(self, count: int) -> Iterator[Step]:
        """The next ``count`` steps at the full learning rate."""
        for _ in range(count):
            yield self.step()

    def step(self, pace: float = 1.0) -> Step:
        """One step with the learning rate times ``pace``."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * pace
        loss = self._gradient()
        while loss is None:
            self.halve()
            loss = self._gradient()
        gradient = clipped(self.parameters, self.clip)
        taken = torch.isfinite(gradient)
        # the fused optimiser reads this flag on the device and leaves weights and moments alone where it is 1
        self.optimiser.found_inf = (~taken).to(torch.float32)  # type: ignore[attr-defined]  # not in the stubs
        self.optimiser.step()
        self.number += 1
        self.averages.update(self.parameters, self.number)
        self.skipped = self.skipped + ~taken
        self.skipped_in_a_row = (self.skipped_in_a_row + 1) * ~taken
        return Step(self.number, loss, gradient, taken, self.rate * pace)

    def halve(self) -> None:
        """From now on half as many cases at once."""
        if self.ranks.count > 1:  # the others would wait for this process in the middle of a step
            raise RunError(
                f"process {self.ranks.rank} of {self.ranks.count} ran out of memory: give a larger accumulate, or a smaller batch"
            )
        if self.part == 1:
            raise RunError(f"memory does not hold a single case of shape {tuple(self.x.shape[1:])}: use a smaller network or signals")
        self.part = -(-self.part // 2)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _gradient(self) -> Tensor | None:
        """The mean loss of the batch, its gradient in the parameters; None where memory ran out."""
        cases, parts = self.order(self.number), self.ranks.parts(self.batch, self.part)
        for parameter in (*self.parameters, *self.loss.parameters()):  # in a tenth of the time of the optimiser's own call
            parameter.grad = None
        total = torch.zeros((), device=self.device)
        try:
            for first, last in parts:
                chosen = cases[first:last]
                condition = None if self.condition is None else self.condition[chosen]
                draw = Draw(self.seed, self.number, first, self.batch)
                with seeded_layers((self.seed, self.number, draw.first), self.device), self._waiting(last == parts[-1][1]):
                    # processes average their gradients, so each counts its sum as if its share were the whole
                    loss = self.loss(self.training_network, self.x[chosen], draw, condition).sum() * (self.ranks.count / self.batch)
                    loss.backward()
                total += loss.detach()
        except torch.OutOfMemoryError:
            return None
        for parameter in self.loss.parameters():
            parameter.grad = None if parameter.grad is None else self.ranks.total(parameter.grad) / self.ranks.count
        return self.ranks.total(total) / self.ranks.count

    def _waiting(self, last: bool) -> AbstractContextManager[object]:
        """Gradients of all but the last part stay with the process that made them."""
        apart = getattr(cast("Forward", self.training_network.module).module, "no_sync", None)
        return nullcontext() if last or apart is None else cast("AbstractContextManager[object]", apart())
