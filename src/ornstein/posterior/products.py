"""Products of laws, p(x) q(x) / integral: what two models know together."""

from __future__ import annotations

import torch

from ornstein.common.errors import InputError
from ornstein.denoisers import Conditional, Gaussian, Law, Mixture
from ornstein.measurements import Linear


def product(law: Law, other: Gaussian | Mixture) -> Conditional:
    """The law with density p(x) q(x) / Z, and log Z, exactly: a Gaussian q is a measurement of the whole signal, a mixture one of many.

        p(x) sum_k w_k N(x; m_k, C_k) / Z = sum_k w_k Z_k p(x | y = m_k, R = C_k) / Z,      Z_k = p(y = m_k),  Z = sum_k w_k Z_k

    Raises ``InputError`` for laws that condition to neither a Gaussian nor a mixture. Cost: one conditioning for each component of q.
    """
    whole = Linear(torch.eye(law.size, dtype=torch.float64))
    parts = other.components if isinstance(other, Mixture) else (other,)
    weights = other.log_weights if isinstance(other, Mixture) else torch.zeros(1, dtype=torch.float64)
    found = [law.condition(whole, part.mean().flatten(), part.covariance().dense()) for part in parts]
    joint = weights + torch.stack([one.log_evidence for one in found])
    total = torch.logsumexp(joint, 0)
    if len(found) == 1:
        return Conditional(found[0].law, total)
    logs: list[torch.Tensor] = []
    components: list[Gaussian] = []
    for one, level in zip(found, joint - total, strict=True):
        if isinstance(one.law, Mixture):
            logs.append(level + one.law.log_weights)
            components.extend(one.law.components)
        elif isinstance(one.law, Gaussian):
            logs.append(level.view(1))
            components.append(one.law)
        else:
            raise InputError(
                f"the product of a {law.described()} and a mixture has no closed form: ask one of its components, or a mixture"
            )
    return Conditional(Mixture.from_log_weights(torch.cat(logs), components), total)
