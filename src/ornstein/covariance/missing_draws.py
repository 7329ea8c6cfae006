"""Exact draws of what is missing, every case with a pattern of its own, from white noise that belongs to the case."""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.common.errors import InputError
from ornstein.covariance.missing_blocks import Block, Conditional

_MISS = 1e-6


def draw_missing(law: Conditional, x: Tensor, white: Tensor) -> Tensor:
    """Draws from N(mean, Sigma) given what x (case, d) holds, for white noise (case, draw, d), shape (case, draw, d).

        from the gaps         mu_m - K_mm^-1 K_mo r_o + L^-T z_m,      K_mm = L L^T
        from what is seen     z' = Sigma^(1/2) z moved by what it gets wrong, z' + Sigma_:o Sigma_oo^-1 (r_o - z'_o)

    Seen entries are returned as they are. A case depends on its own values and noise only. Cost: as for the conditional mean, and
    d^2 a draw. Raises ``InputError`` where the seen values of a case contradict a law that has no variance in some direction.
    """
    seen = ~torch.isnan(x)
    r = law.residual(x, seen)
    out = r.unsqueeze(1).expand(white.shape).clone()
    for block in law.blocks(seen):
        mine, z = r[block.cases], white[block.cases]
        if block.from_gaps:
            noise = torch.where(block.real.unsqueeze(1), _pick(z, block), torch.zeros((), dtype=z.dtype))
            moved = torch.linalg.solve_triangular(block.factor.mT, noise.mT, upper=True)
            out[block.cases] += law.shift(mine, block).unsqueeze(1) + _spread(moved.mT, block, law.size)
        else:
            out[block.cases] = _matheron(law, block, mine, z)
    values = law.mean + torch.where(law.still, torch.zeros_like(out), law.scale * out)
    return torch.where(seen.unsqueeze(1), x.unsqueeze(1), values)


def _matheron(law: Conditional, block: Block, r: Tensor, z: Tensor) -> Tensor:
    drawn = z @ law.root.T
    wrong = torch.where(block.real.unsqueeze(1), _pick(r.unsqueeze(1) - drawn, block), torch.zeros((), dtype=z.dtype))
    solved = torch.cholesky_solve(wrong.mT, block.factor).mT
    moved = _spread(solved, block, law.size) @ law.correlation
    if law.precision is None:
        _refuse_contradiction(law, block, wrong - _pick(moved, block) * block.real.unsqueeze(1))
    return drawn + moved


def _refuse_contradiction(law: Conditional, block: Block, miss: Tensor) -> None:
    far = miss.abs().amax(1)
    if bool((far > _MISS).any()):
        case, entry = divmod(int(far.argmax()), far.shape[1])
        raise InputError(
            f"the observed values of case {int(block.cases[case])} of these contradict each other or the law (most at entry "
            f"{int(block.index[case, entry])}), which has no variance in some direction: fit it with shrinkage"
        )


def _pick(values: Tensor, block: Block) -> Tensor:
    return values.gather(2, block.index.unsqueeze(1).expand(-1, values.shape[1], -1))


def _spread(values: Tensor, block: Block, size: int) -> Tensor:
    place = block.index.unsqueeze(1).expand(values.shape)
    kept = torch.where(block.real.unsqueeze(1), values, torch.zeros_like(values))
    return values.new_zeros(*values.shape[:2], size).scatter_add_(2, place, kept)
