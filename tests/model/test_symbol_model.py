"""Models of bits and symbols: the verbs of a Model against enumeration, gaps, p-values, folders, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import ornstein as orn
from ornstein.cli import main
from ornstein.discrete import Chain, Markov, Mixture, denoiser, revealed, sequences, train
from ornstein.discrete.network import Net, Network
from ornstein.model import SymbolModel

LAWS = ("independent", "markov", "mixture", "empirical", "network")


def beats(period: int = 3, sites: int = 6, cases: int = 60) -> Tensor:
    """A beat every ``period`` bits, in a shuffled phase."""
    phase = torch.randint(period, (cases, 1), generator=torch.Generator().manual_seed(0))
    return ((torch.arange(sites) - phase) % period == 0).to(torch.float64)


BITS = beats()
EVERY = sequences(2, 6).to(torch.float64)


@pytest.fixture(scope="module")
def models() -> dict[str, SymbolModel]:
    more: dict[str, dict[str, object]] = {"network": {"steps": 60}, "mixture": {"components": 3, "prior": 0.1}}
    return {law: orn.fit(BITS, "binary", law=law, **more.get(law, {})) for law in LAWS}


@pytest.mark.filterwarnings("ignore:.*have probability 0")
@pytest.mark.parametrize("law", LAWS)
def test_all_sequences_sum_to_one_and_draws_have_their_shares(models: dict[str, SymbolModel], law: str) -> None:
    """A chi-square of 2000 draws over 64 sequences; five deviations fail once in a million."""
    p = models[law].log_prob(EVERY).exp()
    assert float(p.sum()) == pytest.approx(1, abs=1e-9)
    drawn = models[law].sample(2000, seed=3)
    counts = (drawn.unsqueeze(1) == EVERY).all(-1).sum(0).to(torch.float64)
    common = p > 1 / 2000
    chi = float(((counts - 2000 * p) ** 2 / (2000 * p))[common].sum())
    assert chi < common.sum() + 5 * math.sqrt(2 * common.sum())
    assert torch.equal(models[law].sample(2, seed=3, first=7), drawn[7:9])


@pytest.mark.filterwarnings("ignore:.*have probability 0")
@pytest.mark.parametrize("law", LAWS)
def test_what_is_not_known_is_summed_out(models: dict[str, SymbolModel], law: str) -> None:
    """The end of a sequence under every law; for all but a network, anywhere else too."""
    x = BITS[:4].clone()
    x[:, 5 if law == "network" else 2] = torch.nan
    both = torch.stack([torch.where(torch.isnan(x), v, x) for v in (0.0, 1.0)])
    whole = torch.stack([models[law].log_prob(part) for part in both])
    assert torch.allclose(models[law].log_prob(x), torch.logsumexp(whole, 0), atol=1e-9)
    filled = models[law].impute(x, 300, seed=1)
    assert bool(((filled == x) | torch.isnan(x)).all())
    share = torch.softmax(whole, 0)[1]
    assert torch.allclose(filled.mean(0)[torch.isnan(x)], share, atol=4.5 * 0.5 / math.sqrt(300))


@pytest.mark.parametrize("law", ["independent", "markov", "mixture", "network"])
def test_where_is_what_the_other_entries_do_not_tell(models: dict[str, SymbolModel], law: str) -> None:
    odd = BITS[:3].clone()
    odd[:, 4] = 1 - odd[:, 4]
    found = models[law].where(odd)
    if law != "network":
        for i in range(6):
            both = torch.stack([models[law].log_prob(torch.cat([odd[:, :i], v * torch.ones(3, 1), odd[:, i + 1 :]], 1)) for v in (0, 1)])
            assert torch.allclose(found[:, i], torch.logsumexp(both, 0) - models[law].log_prob(odd), atol=1e-9)
    if law in ("mixture", "network"):
        assert (found.argmax(1) == 4).all()


@pytest.mark.filterwarnings("ignore:.*have probability 0")
@pytest.mark.parametrize("law", LAWS)
def test_a_folder_gives_the_same_model(models: dict[str, SymbolModel], law: str, tmp_path: object) -> None:
    model = models[law]
    again = orn.load(model.save(f"{tmp_path}/m"))
    assert isinstance(again, SymbolModel)
    assert torch.equal(again.sample(5, seed=2), model.sample(5, seed=2))
    assert torch.equal(again.log_prob(EVERY), model.log_prob(EVERY))
    assert torch.equal(again.surprise(EVERY).p_value, model.surprise(EVERY).p_value)
    assert again.training == model.training


def test_a_folder_that_was_changed_is_refused(models: dict[str, SymbolModel], tmp_path: object) -> None:
    from ornstein.model.storage.symbols import decode_symbols, encode_symbols

    config, around, tensors = encode_symbols(models["markov"])  # type: ignore[arg-type]  # it has the fields
    for change, words in (
        ({"law.transition": torch.zeros(2, 2, dtype=torch.float64)}, "do not sum to one"),
        ({"alphabet": torch.tensor([1.0, 0.0], dtype=torch.float64)}, "ascending whole numbers"),
        ({"judges.0.scores": torch.tensor([1.0, 0.0], dtype=torch.float64)}, "not sorted"),
        ({"law.more": torch.zeros(2, dtype=torch.float64)}, "does not belong there"),
    ):
        with pytest.raises(orn.InputError, match=words):
            decode_symbols(config, around, tensors | change)
    with pytest.raises(orn.InputError, match="is missing"):
        decode_symbols(config, around, {k: v for k, v in tensors.items() if k != "law.first"})
    with pytest.raises(orn.InputError, match="leave module out"):
        orn.load(models["markov"].save(f"{tmp_path}/m"), module=torch.nn.Identity())


def test_false_alarms_are_as_rare_as_promised() -> None:
    """600 new cases of the law, 400 fitted: the share of p <= .1 has a deviation of 1.9 points, of both samples together; 4 of them
    fail once in 30000. Equal probabilities only make p larger."""
    truth = Mixture(torch.tensor([0.5, 0.5]), torch.rand(2, 12, 2, generator=torch.Generator().manual_seed(1)).double().softmax(-1))
    model = orn.fit(truth.sample(400, seed=1).double(), "binary", law="mixture", components=2, prior=1.0)
    p = model.surprise(truth.sample(600, seed=2).double()).p_value
    assert p is not None
    assert 0.02 < float((p <= 0.1).double().mean()) < 0.1 + 4 * 0.019
    network = orn.fit(truth.sample(400, seed=1).double(), "binary", law="network", steps=20)
    assert len(network.reference) == 40
    fair = network.surprise(truth.sample(600, seed=2).double()).p_value
    assert abs(float((fair <= 0.5).double().mean()) - 0.5) < 4 * math.sqrt(0.25 / 40 + 0.25 / 600)


def test_judges_have_not_seen_what_they_score() -> None:
    """Under the cases themselves no two of which are equal, every held-out case is one that was never seen."""
    model = orn.fit(EVERY, "binary", law="empirical")
    assert model.reference is not None
    assert bool(torch.isinf(model.reference).all())


def test_auto_finds_the_kind_of_law() -> None:
    table = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    along = Markov(torch.tensor([0.5, 0.5]), table, 10).sample(300, seed=1).double()
    said: list[str] = []
    assert isinstance(orn.fit(along, "binary", folds=0, progress=said.append).law, Markov)
    assert any("Markov chain with prior" in line for line in said)
    found = orn.fit(beats(3, 9, 90), "binary", folds=0).law
    assert isinstance(found, Mixture)
    assert len(found.log_weights) >= 3


def test_symbols_keep_their_values_and_names() -> None:
    x = orn.Signals(2.0 * BITS.view(-1, 2, 3) - 1, 10.0, ("a", "b"))
    model = orn.fit(x, "categorical", law="markov")
    assert model.alphabet.tolist() == [-1, 1]
    assert model.sample(4).shape == (4, 2, 3)
    assert set(model.sample(4).unique().tolist()) <= {-1, 1}
    turned = orn.Signals(x.values[:, [1, 0]], 10.0, ("b", "a"))
    assert torch.equal(model.log_prob(turned), model.log_prob(x))
    declared = orn.fit(BITS, "categorical", states=3, law="mixture", components=3, prior=1.0, folds=0)
    assert float(declared.log_prob([[2, 0, 0, 1, 0, 0]])) > -math.inf
    assert declared.signals(declared.sample(2)).shape == (2, 1, 6)


def test_a_run_is_certified(models: dict[str, SymbolModel]) -> None:
    """What a run of two steps draws is as far from the law as the certificate says: 64 frequencies of 20000 draws err by .02 in all."""
    model = models["markov"]
    p = model.log_prob(EVERY).exp()
    for chain in ("masked", "uniform"):
        counts = (model.sample(20000, steps=2, chain=chain, seed=1).unsqueeze(1) == EVERY).all(-1).double().mean(0)
        assert 0.5 * float((counts - p).abs().sum()) == pytest.approx(model.certify(2, chain), abs=0.03)
    assert model.certify(12) < 0.5 * model.certify(2)


def test_the_bound_is_below(models: dict[str, SymbolModel]) -> None:
    model = models["mixture"]
    exact, below = model.log_density(BITS[:6]), model.log_density(BITS[:6], method="bound", steps=16, error=0.1)
    assert bool((below.value < exact.value + 4.5 * below.standard_error).all())
    assert float(below.standard_error.max()) <= 0.1
    assert (exact.method, below.method) == ("exact", "bound")
    assert float(model.bits_per_dim(BITS).mean()) == pytest.approx(-float(model.log_prob(BITS).mean()) / (6 * math.log(2)))


def test_a_network_is_the_law_of_its_order() -> None:
    """log_prob is that of sites revealed one by one, and the whole 2^10 sequences sum to 1; a tenth of a nat from the truth, log 1/3."""
    x = beats(3, 10, 120).long()
    learnt = train(x[:100], x[100:], steps=150, width=64, seed=1)
    chain = Chain.masking(2, 10)
    assert torch.allclose(revealed(denoiser(learnt.law, chain), chain, x[:3]), learnt.law.log_prob(x[:3]), atol=1e-6)
    assert float(learnt.law.log_prob(sequences(2, 10)).exp().sum()) == pytest.approx(1, abs=1e-6)
    assert float(learnt.law.log_prob(x).mean()) > math.log(1 / 3) - 0.5
    with pytest.raises(orn.InputError, match="shown or hidden"):
        denoiser(learnt.law, Chain.uniform(2, 3))(x[:1], 2)
    one, same = (train(x[:100], x[100:], steps=5, width=64, seed=1).law.log_prob(x) for _ in range(2))
    assert torch.equal(one, same)


def test_what_was_never_seen_is_said(models: dict[str, SymbolModel]) -> None:
    with pytest.warns(UserWarning, match="1 case of 2 have probability 0 under this law .3 products of 2 symbols."):
        found = models["empirical"].log_prob(torch.stack([BITS[0], 1 - BITS[0]]))
    assert found[1] == -math.inf
    assert torch.isfinite(found[0])


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: orn.fit(BITS + 0.5, "binary"), r"x holds \d?.?5 at index \(0, 0\), but must hold 0 or 1"),
        (lambda: orn.fit(2 * BITS - 1, "binary"), "use model 'categorical' for other symbols"),
        (lambda: orn.fit(torch.randn(30, 4), "categorical"), "symbols are whole numbers"),
        (lambda: orn.fit(torch.ones(30, 4), "categorical"), "1 different values"),
        (lambda: orn.fit(BITS, "categorical", states=1), "states is 1"),
        (lambda: orn.fit(BITS * 4, "categorical", states=3), "from 0 to 2"),
        (lambda: orn.fit(BITS, "binary", law="makrov"), "did you mean 'markov'"),
        (lambda: orn.fit(BITS, "binary", components=3), "components belongs to law 'mixture'"),
        (lambda: orn.fit(BITS, "binary", law="mixture", steps=3), "steps belongs to law 'network'"),
        (lambda: orn.fit(BITS, "binary", structure="dense"), "structure belongs to models 'gaussian'"),
        (lambda: orn.fit(BITS, "binary", law="network", steps=0), "steps is 0"),
        (lambda: orn.fit(BITS[:8], "binary", law="network"), "at least 10"),
        (lambda: orn.fit(BITS, "binary", standardize="none"), "symbols are taken as they are"),
        (lambda: orn.fit(BITS, "binary", labels=[0] * 60), "symbols are taken as they are"),
        (lambda: orn.fit(iter([BITS]), "binary"), "read piece by piece"),
        (lambda: orn.fit(torch.where(BITS > 0, torch.nan, BITS), "binary", law="markov"), "complete cases"),
        (lambda: orn.fit(torch.where(BITS > 0, torch.nan, BITS), "binary", law="empirical"), "complete cases"),
    ],
)
def test_fits_that_are_refused(ask: object, words: str) -> None:
    with pytest.raises(orn.InputError, match=words):
        ask()  # type: ignore[operator]


def test_questions_that_are_refused(models: dict[str, SymbolModel]) -> None:
    model, gap = models["markov"], BITS[:2].clone()
    gap[0, 0] = torch.nan
    for ask, words in (
        (lambda: model.log_prob(BITS * 3), r"x holds 3 at index \(\d, \d\), but must hold 0, 1, the symbols of this model: recode it"),
        (lambda: model.log_prob(BITS[:, :4]), r"sequences of shape \(case, 6\)"),
        (lambda: model.surprise(gap), "surprise compares complete cases"),
        (lambda: model.sample(2, steps=3, chain="mask"), "did you mean 'masked'"),
        (lambda: model.log_density(BITS, method="flow"), "method is 'flow'"),
        (lambda: model.bits_per_dim(BITS, step=1.0), "leave it out"),
        (lambda: model.where(BITS, "time"), "by is 'time'"),
        (lambda: models["network"].sample(2, steps=3, chain="uniform"), "shown or hidden"),
        (lambda: models["empirical"].impute([[1, 1, 1, 1, 1, math.nan]]), "probability 0 together"),
    ):
        with pytest.raises(orn.InputError, match=words):
            ask()
    assert orn.fit(BITS, "binary", law="markov", folds=0).surprise(BITS).p_value is None


def test_a_network_of_other_symbols() -> None:
    law = Network(Net(3, 4, width=8, depth=1))
    assert float(law.log_prob(sequences(4, 3)).exp().sum()) == pytest.approx(1, abs=1e-6)


def test_on_the_command_line(tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(str(tmp_path))
    np.savetxt("bits.csv", BITS.numpy(), fmt="%d", delimiter=",")
    holes = [["" if i < 3 and j == 1 else str(int(v)) for j, v in enumerate(row)] for i, row in enumerate(BITS.tolist())]
    orn_lines = "\n".join(",".join(row) for row in holes)
    Path("holes.csv").write_text(orn_lines + "\n")

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(list(words))
        text = capsys.readouterr()
        return int(stop.value.code or 0), text.out, text.err

    assert run("fit", "bits.csv", "-o", "m", "--model", "binary", "--law", "markov", "--prior", "0.1")[0] == 0
    code, out, _ = run("score", "m", "bits.csv", "--json", "--where", "map.csv")
    assert code == 0
    model = orn.load("m")
    assert json.loads(out)["log_prob"] == pytest.approx(model.log_prob(BITS.unsqueeze(1)).tolist())
    assert "steps and the law: 0." in run("sample", "m", "-n", "3", "-o", "new.csv", "--steps", "2")[1]
    assert "p-values compare complete cases" in run("score", "m", "holes.csv")[1]
    assert run("impute", "m", "holes.csv", "-o", "full.csv")[0] == 0
    assert set(orn.read("full.csv").values.unique().tolist()) == {0.0, 1.0}
    for words, sentence in (
        (("impute", "m", "holes.csv", "-o", "f.csv", "--bands", "b.csv"), "symbols have no order"),
        (("sample", "m", "-o", "n.csv", "--sampler", "uniform"), "without --steps"),
        (("sample", "m", "-o", "n.csv", "--label", "1"), "--label is given"),
        (("bench", "samplers", "m"), "a law of symbols"),
        (("fit", "bits.csv", "-o", "q", "--model", "mixture", "--law", "markov"), "law belongs to models 'binary', 'categorical'"),
    ):
        code, _, err = run(*words)
        assert (code, sentence in err) == (2, True), err
