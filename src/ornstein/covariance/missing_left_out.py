"""What a Gaussian says of every seen entry given all else that its case saw: each left out once, in closed form.

With S = Sigma_oo the block of what a case saw, r_o = x_o - mu_o, a = S^-1 r_o and g = diag(S^-1),

    E[x_i | all other seen] = x_i - a_i / g_i,        Var = 1 / g_i        (Rasmussen and Williams 2006, eqs. 5.10 to 5.12)

Where the gaps are the smaller side, with K = Sigma^-1 and r completed by its conditional mean, a = (K r)_o and
S^-1 = K_oo - K_om K_mm^-1 K_mo.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ornstein.covariance.missing_blocks import Block, Conditional


def left_out(law: Conditional, x: Tensor) -> tuple[Tensor, Tensor]:
    """(mean, deviation) of every seen entry of x (case, d) given the others of its case, (case, d) each; NaN in the gaps.

    Cost: for each case a Cholesky factor and an inverse of the smaller side, seen or missing.
    """
    seen = ~torch.isnan(x)
    r = law.residual(x, seen)
    solved, inverse = torch.zeros_like(r), torch.ones_like(r)
    if law.precision is not None:
        whole = seen.all(1)
        solved[whole], inverse[whole] = r[whole] @ law.precision, law.precision.diagonal()
    for block in law.blocks(seen) if law.precision is not None else law.seen_blocks(seen):
        mine = r[block.cases]
        if block.from_gaps and law.precision is not None:
            solved[block.cases] = (mine + law.shift(mine, block)) @ law.precision
            inverse[block.cases] = law.precision.diagonal() - _explained(law.precision, block)
        else:
            solved[block.cases] = block.spread(block.solve(block.pick(mine)), law.size)
            inverse[block.cases] = block.spread(torch.cholesky_inverse(block.factor).diagonal(dim1=1, dim2=2), law.size)
    inverse = torch.where(seen, inverse, 1.0).clamp_min(torch.finfo(x.dtype).tiny)
    mean, deviation = x - law.scale * solved / inverse, law.scale * inverse.rsqrt()
    still = seen & law.still  # what never varies is known beforehand
    mean, deviation = torch.where(still, law.mean, mean), torch.where(still, 0.0, deviation)
    return torch.where(seen, mean, torch.nan), torch.where(seen, deviation, torch.nan)


def _explained(precision: Tensor, block: Block) -> Tensor:
    """The diagonal of K_:m K_mm^-1 K_m:, (b, d)."""
    rows = precision[block.index] * block.real.unsqueeze(2)
    reach: Tensor = torch.linalg.solve_triangular(block.factor, rows, upper=False)
    return reach.square().sum(1)
