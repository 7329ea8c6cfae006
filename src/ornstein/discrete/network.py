"""A network that knows sites from the sites that are shown: the law of revealing them one by one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ornstein.common.errors import InputError
from ornstein.discrete.law import Known, Law, symbols

_NUMBERS = 1 << 22


class Net(nn.Module):
    """Logits of every site (case, site, states) from sequences in which ``states`` stands for a hidden one: an MLP on indicators."""

    def __init__(self, sites: int, states: int, width: int = 256, depth: int = 3) -> None:
        super().__init__()
        self.sites, self.states, self.width, self.depth = sites, states, width, depth
        self.enter = nn.Linear(sites * (states + 1), width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)) for _ in range(depth)
        )
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, sites * states))

    def forward(self, shown: Tensor) -> Tensor:
        """shown (case, site) as int64."""
        h = self.enter(nn.functional.one_hot(shown, self.states + 1).to(self.enter.weight.dtype).flatten(1))
        for block in self.blocks:
            h = h + block(h)
        found: Tensor = self.leave(h).view(len(shown), self.sites, self.states)
        return found


class Network(Law):
    """P(x) = prod_i p(x_i | x_1 ... x_(i-1)), every factor an answer of one network that was trained on hidden sites.

    It answers whatever sites are shown (Uria et al. 2014; Hoogeboom et al. 2022), and is a law by the order of the sites: probabilities
    of all sequences add up to 1, and ``sample`` draws from them exactly. Other orders, as in ``impute``, are other laws, near to this
    one as far as the network has learnt. Of an incomplete sequence log P is that of its known sites, revealed in their order.

    Evidence is a site that is shown or hidden; noisy symbols, as under a uniform chain, are refused. Cost: one call a site.
    """

    def __init__(self, net: Net) -> None:
        self.net, self.sites, self.states = net.eval().requires_grad_(False), net.sites, net.states

    def given(self, evidence: Tensor) -> Known:
        shown = self._shown(evidence)
        return Known(self._answer(shown), self._revealed(shown))

    def marginals(self, evidence: Tensor) -> Tensor:
        return self._answer(self._shown(evidence))

    def log_prob(self, x: object) -> Tensor:
        values = symbols(x, self.sites, self.states)
        return self._revealed(torch.where(values < 0, self.states, values))

    def _shown(self, evidence: Tensor) -> Tensor:
        """The sequence that says as much; ``states`` for a hidden site."""
        possible = torch.isfinite(evidence)
        hidden = (evidence - evidence[..., :1]).abs().nan_to_num(torch.inf).amax(-1) < 1e-9
        if not bool((hidden | (possible.sum(-1) == 1)).all()):
            raise InputError(
                "a network knows sites that are shown or hidden, but was given noisy ones: use a chain with masks, Chain.masking"
            )
        return torch.where(hidden, self.states, possible.to(torch.int64).argmax(-1))

    def _answer(self, shown: Tensor) -> Tensor:
        """The probabilities of every site; those that are shown are sure."""
        rows = max(1, _NUMBERS // (self.sites * (self.states + 1)))
        found = torch.cat([torch.softmax(self.net(some).to(torch.float64), -1) for some in shown.split(rows)])
        sure = nn.functional.one_hot(shown.clamp_max(self.states - 1), self.states).to(torch.float64)
        return torch.where((shown < self.states).unsqueeze(-1), sure, found)

    def _revealed(self, shown: Tensor) -> Tensor:
        """The sum of log p(x_i | the known sites before i) over all known sites i."""
        total = torch.zeros(len(shown), dtype=torch.float64)
        before = torch.full_like(shown, self.states)
        for i in range(self.sites):
            value = shown[:, i]
            known = value < self.states
            if bool(known.any()):
                found = self._answer(before[known])[:, i].gather(-1, value[known].unsqueeze(-1)).squeeze(-1).log()
                total[known] += found
            before[:, i] = value
        return total
