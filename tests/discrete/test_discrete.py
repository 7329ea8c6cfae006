"""Chains of symbols against enumeration: every law, every chain, all sequences."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ornstein import discrete
from ornstein.common.errors import InputError
from ornstein.common.random import Noise
from ornstein.discrete import Chain, Law, Markov, Mixture, bound, certify, denoiser, fit_markov, fit_mixture, revealed, sequences

SITES = 4


def probabilities(*shape: int, seed: int = 0) -> Tensor:
    u = torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) + 0.1
    return u / u.sum(-1, keepdim=True)


BITS: dict[str, Law] = {
    "independent": Mixture.independent(probabilities(SITES, 2)),
    "mixture": Mixture(torch.tensor([0.5, 0.2, 0.3]), probabilities(3, SITES, 2, seed=1)),
    "markov": Markov(probabilities(2, seed=2), probabilities(2, 2, seed=3), SITES),
    "cases": Mixture.of_cases(torch.tensor([[0, 0, 1, 1], [1, 0, 1, 0], [1, 0, 1, 0], [1, 1, 1, 1]])),
}
SYMBOLS: dict[str, Law] = {
    "mixture": Mixture(torch.tensor([0.5, 0.5]), probabilities(2, 3, 3, seed=4)),
    "markov": Markov(probabilities(3, seed=5), probabilities(3, 3, seed=6), 3),
}
LAWS = {**{f"bits-{k}": v for k, v in BITS.items()}, **{f"symbols-{k}": v for k, v in SYMBOLS.items()}}


def chains(states: int, steps: int = 5) -> list[Chain]:
    return [Chain.uniform(states, steps), Chain.masking(states, steps)]


@pytest.mark.parametrize("name", sorted(LAWS))
def test_probabilities_of_all_sequences_sum_to_one(name: str) -> None:
    law = LAWS[name]
    every = sequences(law.states, law.sites)
    assert float(law.log_prob(every).exp().sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", sorted(LAWS))
def test_what_a_noisy_sequence_tells_is_bayes_rule(name: str, masked: bool) -> None:
    """Marginals and evidence of every x_t against the sum over all clean sequences."""
    law = LAWS[name]
    chain = chains(law.states)[masked]
    clean, noisy = sequences(law.states, law.sites), sequences(chain.symbols, law.sites)
    prior = law.log_prob(clean).exp()
    for t in (1, 3, 5):
        table = chain.transition(0, t)
        likelihood = torch.stack([table[clean[:, i]][:, noisy[:, i]] for i in range(law.sites)]).prod(0)
        joint = prior[:, None] * likelihood
        found = law.given(chain.evidence(noisy, t))
        seen = joint.sum(0) > 0
        assert torch.allclose(found.log_evidence.exp(), joint.sum(0), atol=1e-12)
        for i in range(law.sites):
            for v in range(law.states):
                expected = joint[clean[:, i] == v].sum(0) / joint.sum(0)
                assert torch.allclose(found.marginals[seen, i, v], expected[seen], atol=1e-10)


@pytest.mark.parametrize("chain", [*chains(2), *chains(3), Chain(2, (0.7, 0.5, 0.1)), Chain(3, (0.9, 0.2), masked=True)], ids=str)
def test_the_chain_is_markov(chain: Chain) -> None:
    """Transitions compose, and the closed posterior is Bayes' rule written out."""
    for s, m, t in ((0, 1, 2), (0, 1, chain.steps), (1, 2, chain.steps)):
        assert torch.allclose(chain.transition(s, m) @ chain.transition(m, t), chain.transition(s, t), atol=1e-12)
    x_t = torch.arange(chain.symbols).unsqueeze(0)
    found = chain.posterior(x_t, 2, 1)
    for v in range(chain.states):
        for j in range(chain.symbols):
            joint = chain.transition(0, 1)[v] * chain.transition(1, 2)[:, j]
            expected = joint / joint.sum() if float(joint.sum()) else joint
            assert torch.allclose(found[0, j, v], expected, atol=1e-12)


def test_the_binomial_chain_of_the_paper() -> None:
    """beta_t = 1 / (T - t + 1): q(x_t | x_(t-1)) = B(x_t; x_(t-1) (1 - beta) + beta / 2)."""
    chain = Chain.binomial(10)
    for t in range(1, 11):
        beta = 1 / (10 - t + 1)
        assert float(chain.transition(t - 1, t)[1, 1]) == pytest.approx(1 - beta + 0.5 * beta)


@pytest.mark.parametrize("name", sorted(LAWS))
def test_exact_draws(name: str) -> None:
    """Frequencies of 4000 draws: a chi-square with one degree a sequence; 5 deviations fail once in a million."""
    law = LAWS[name]
    every = sequences(law.states, law.sites)
    expected = 4000 * law.log_prob(every).exp()
    drawn = law.sample(4000, seed=1)
    counts = (drawn.unsqueeze(1) == every).all(-1).sum(0).to(torch.float64)
    seen = expected > 0
    assert float(counts[~seen].sum()) == 0
    chi = float(((counts - expected)[seen] ** 2 / expected[seen]).sum())
    free = int(seen.sum()) - 1
    assert chi < free + 5 * math.sqrt(2 * free)
    assert torch.equal(law.sample(3, seed=1), drawn[:3])
    assert torch.equal(law.sample(2, seed=1, first=5), drawn[5:7])


@pytest.mark.parametrize("name", sorted(LAWS))
def test_gaps_are_filled_by_the_law(name: str) -> None:
    law = LAWS[name]
    x = law.sample(3, seed=2).to(torch.float64)
    x[:, 1] = torch.nan
    filled = law.impute(x, 400, seed=3)
    known = torch.ones(law.sites, dtype=torch.bool)
    known[1] = False
    assert bool((filled[..., known] == x[:, known]).all())
    whole = torch.stack([torch.where(torch.isnan(x), v, x) for v in range(law.states)])
    share = torch.softmax(torch.stack([law.log_prob(w) for w in whole]), 0)
    for v in range(law.states):
        assert torch.allclose((filled[..., 1] == v).to(torch.float64).mean(0), share[v], atol=0.125)  # 5 deviations of 400 draws
    assert torch.allclose(law.log_prob(x).exp(), torch.stack([law.log_prob(w) for w in whole]).exp().sum(0), atol=1e-12)


@pytest.mark.parametrize("masked", [False, True])
def test_the_sampler_comes_to_the_law(masked: bool) -> None:
    """The total variation falls as steps are added, like their inverse; independent sites are exact in any number of steps."""
    found = [certify(BITS["markov"], chains(2, n)[masked]) for n in (2, 8, 32)]
    assert found[0] > 2.5 * found[1] > 6 * found[2] > 0
    assert certify(BITS["independent"], chains(2, 2)[masked]) < 1e-12


def test_the_certificate_is_that_of_the_sampler() -> None:
    """Frequencies of 20000 draws against the law differ by what is certified, within the noise of 16 frequencies."""
    law, chain = BITS["mixture"], Chain.masking(2, 2)
    drawn = discrete.sample(denoiser(law, chain), chain, 20000, SITES, seed=4)
    every = sequences(2, SITES)
    counts = (drawn.unsqueeze(1) == every).all(-1).to(torch.float64).mean(0)
    apart = 0.5 * float((counts - law.log_prob(every).exp()).abs().sum())
    assert apart == pytest.approx(certify(law, chain), abs=0.02)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", sorted(BITS))
def test_a_bound_is_below_and_comes_near(name: str, masked: bool) -> None:
    """In the mean over the law's own draws; with many steps only a little is lost."""
    law = BITS[name]
    x = law.sample(40, seed=5)
    truth = law.log_prob(x).mean()
    gaps = []
    for steps in (3, 40):
        chain = chains(2, steps)[masked]
        found = bound(denoiser(law, chain), chain, x, paths=16)
        gaps.append(float(truth - found.value.mean()))
        assert gaps[-1] > -4.5 * float(found.standard_error.square().mean().sqrt()) / math.sqrt(40) - 1e-12
    assert gaps[1] < 0.12
    chain = chains(2, 3)[masked]
    closer = float(truth - bound(denoiser(law, chain), chain, x, paths=4, particles=16).value.mean())
    assert closer < gaps[0] + 0.02


@pytest.mark.parametrize("name", sorted(BITS))
@pytest.mark.parametrize("order", [None, [2, 0, 3, 1]])
def test_sites_revealed_one_by_one_are_exact(name: str, order: list[int] | None) -> None:
    law, chain = BITS[name], Chain.masking(2, 8)
    x = law.sample(20, seed=6)
    assert torch.allclose(revealed(denoiser(law, chain), chain, x, order), law.log_prob(x), atol=1e-10)


def heartbeat() -> tuple[Tensor, Law]:
    """A beat every fifth bit of 20 (Sohl-Dickstein et al. 2015, section 3.1.2): 5 sequences, -log2 5 = -2.322 bits each."""
    x = torch.zeros(5, 20, dtype=torch.int64)
    for phase in range(5):
        x[phase, phase::5] = 1
    return x, Mixture.of_cases(x)


def test_the_binary_heartbeat_revealed_one_by_one() -> None:
    x, law = heartbeat()
    mask = Chain.masking(2, 20)
    assert float(revealed(denoiser(law, mask), mask, x).mean()) / math.log(2) == pytest.approx(-math.log2(5))


@pytest.mark.slow
def test_the_binary_heartbeat_by_its_chain() -> None:
    """The binomial chain of 2000 steps must come above -2.34 bits (the paper's network: -2.414). All phases are alike, and every case
    has paths of its own; the mean of 200 paths has a standard error of 0.004."""
    x, law = heartbeat()
    chain = Chain.binomial(2000)
    found = bound(denoiser(law, chain), chain, x.repeat(20, 1), paths=2)
    assert float(found.value.mean()) / math.log(2) > -2.34


def test_frequencies_are_fitted() -> None:
    law = BITS["markov"]
    x = law.sample(5000, seed=7)
    every = sequences(2, SITES)
    truth = law.log_prob(every).exp()
    assert torch.allclose(fit_markov(x).log_prob(every).exp(), truth, atol=0.02)
    held = law.sample(2000, seed=8)
    nats = [float(fit_mixture(x, components=k).log_prob(held).mean()) for k in (1, 4)]
    assert nats[0] < nats[1] < float(law.log_prob(held).mean()) + 0.01
    gaps = x.to(torch.float64)
    gaps[torch.rand(gaps.shape, generator=torch.Generator().manual_seed(0)) < 0.2] = torch.nan
    single = fit_mixture(gaps).log_probabilities[0, :, 1].exp()
    assert torch.allclose(single, x.to(torch.float64).mean(0), atol=0.03)


def test_forward_draws() -> None:
    chain, x = Chain(3, (0.8, 0.5)), torch.zeros(4000, 1, dtype=torch.int64)
    share = (chain.forward(x, 0, 2, Noise(0)) == 0).to(torch.float64).mean()
    assert float(share) == pytest.approx(0.5 + 0.5 / 3, abs=0.04)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: BITS["markov"].log_prob([[0, 1, 2, 0]]), r"x holds 2 at index \(0, 2\), but must hold 0 or 1"),
        (lambda: BITS["markov"].log_prob([[0, 1, 0.5, 0]]), "must hold 0 or 1"),
        (lambda: BITS["markov"].log_prob([[0, 1]]), "has 4 sites"),
        (lambda: Mixture.of_cases([[0, 1], [math.nan, 0]]), "complete cases"),
        (lambda: BITS["cases"].impute([[0, 1, -1, 0]]), "probability 0 together"),
        (lambda: Chain(2, (0.5, 0.6)), "must fall"),
        (lambda: Chain(1, (0.5,)), "states is 1"),
        (lambda: certify(Mixture.independent(probabilities(20, 2)), Chain.binomial(2)), "at most 65536"),
        (lambda: denoiser(BITS["markov"], Chain.uniform(3, 2)), "same"),
        (lambda: revealed(denoiser(BITS["markov"], Chain.binomial(2)), Chain.binomial(2), [[0, 1, 1, 0]]), "no mask"),
        (lambda: bound(denoiser(BITS["markov"], Chain(2, (0.5,))), Chain(2, (0.5,)), [[0, 1, 1, 0]]), "end keep at 0"),
        (lambda: discrete.sample(denoiser(BITS["markov"], Chain.binomial(4)), Chain.binomial(4), 2, 4, times=[4, 4, 0]), "must fall"),
    ],
)
def test_bad_input(ask: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ask()  # type: ignore[operator]


def test_what_was_never_seen_has_no_probability() -> None:
    assert float(BITS["cases"].log_prob([[0, 1, 0, 1]])) == -math.inf
