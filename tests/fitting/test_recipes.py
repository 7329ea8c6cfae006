"""Recipes: the options of a law live in one place, and everything else follows from there."""

from __future__ import annotations

import inspect
from dataclasses import FrozenInstanceError, dataclass, fields
from functools import partial
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

import ornstein as orn
from ornstein.cli.laws import FLAGS, PYTHON_ONLY, law_options, law_parameters
from ornstein.covariance import Diagonal
from ornstein.denoisers import Gaussian, Network, fit_empirical, fit_gaussian, fit_mixture
from ornstein.fitting.recipe import Fitted, Recipe, Work
from ornstein.fitting.recipes import EVERY, RECIPES, options_of, recipe_of
from ornstein.fitting.scaling import spread
from ornstein.training import Options

OPTIONS = {"structure": "diagonal", "shrinkage": 0.6, "rank": 2}
X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class Shrunk(Recipe):
    """A toy law in one place: independent entries, their variances times ``factor``."""

    factor: float = 1.0
    name: ClassVar[str] = "shrunk"

    def fit(self, u: Tensor, work: Work) -> Fitted:
        return Fitted(Gaussian(u.mean(0), Diagonal(self.factor * u.var(0, correction=0).flatten())))


def test_a_new_recipe_needs_nothing_else():
    """Scaling, densities in the user's units, p-values, samples, gaps and folders come with ``fit``."""
    x = 5 + torch.tensor([1.0, 10.0, 0.1, 1.0]) * X
    model = orn.fit(x, Shrunk(factor=2.0))
    torch.testing.assert_close(model.covariance().diagonal(), 2 * x.var(0, correction=0))
    normal = torch.distributions.Normal(x.mean(0), (2 * x.var(0, correction=0)).sqrt())
    torch.testing.assert_close(model.log_prob(x), normal.log_prob(x).sum(1))
    assert model.surprise(x).p_value is not None
    x[0, 1] = torch.nan
    assert not torch.isnan(model.impute(x, 3)).any()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_knows_its_options(name):
    recipe = RECIPES[name]()
    assert recipe.name == name
    documented = " ".join(inspect.getdoc(kind) or "" for kind in type(recipe).__mro__)
    for option in options_of(RECIPES[name]):
        assert option in documented, f"{option} is explained nowhere"
        with pytest.raises(FrozenInstanceError):
            setattr(recipe, option, None)


@pytest.mark.parametrize("name", RECIPES)
def test_a_name_with_options_is_the_recipe(name):
    given = {option: getattr(RECIPES[name](), option) for option in options_of(RECIPES[name])}
    assert recipe_of(name, given) == RECIPES[name]()
    assert recipe_of(RECIPES[name](), {}) == RECIPES[name]()


@pytest.mark.parametrize("name", RECIPES)
def test_an_option_of_none_is_its_default(name):
    assert recipe_of(name, dict.fromkeys(options_of(RECIPES[name]))) == RECIPES[name]()


def test_the_short_form_and_the_recipe_fit_the_same_law():
    short = orn.fit(X, "mixture", components=2, seed=3, folds=0)
    long = orn.fit(X, orn.recipes.Mixture(components=2), seed=3, folds=0)
    assert torch.equal(short.log_prob(X), long.log_prob(X))


def test_every_option_reaches_the_law():
    """The law is that of the plain function with the same options, and each option changes it."""
    for kind, plain, common, options in (
        (orn.recipes.Gaussian, fit_gaussian, {}, OPTIONS),
        (orn.recipes.Mixture, partial(fit_mixture, seed=3), {"components": 3}, {**OPTIONS, "components": 2}),
        (orn.recipes.Empirical, fit_empirical, {"bandwidth": 0.5}, {**OPTIONS, "bandwidth": 0.9}),
    ):
        for option, value in options.items():
            beside = {**common, **({"structure": "low-rank"} if option == "rank" else {})}
            usual, found = (kind(**each).fit(X, Work(seed=3)).law.log_prob(X) for each in (beside, {**beside, option: value}))
            torch.testing.assert_close(found, plain(X, **{**beside, option: value}).log_prob(X), rtol=0, atol=1e-9)
            assert float((found - usual).abs().max()) > 1e-3, (kind.name, option)
    starts = [orn.recipes.Mixture(components=3).fit(X, Work(seed=seed)).law.log_prob(X) for seed in (0, 3)]
    assert float((starts[0] - starts[1]).abs().max()) > 1e-3


def test_bare_cases_have_no_density_and_no_p_values():
    assert not orn.recipes.Empirical(bandwidth=0.0).scored
    assert orn.recipes.Empirical().scored
    assert orn.fit(X, orn.recipes.Empirical(bandwidth=0.0)).judges == ()


@pytest.mark.parametrize("name", ["mixture", "empirical"])
def test_gaps_are_refused_where_a_law_takes_none(name):
    gaps = X.clone()
    gaps[3, 1] = torch.nan
    with pytest.raises(orn.InputError, match="x holds 1 NaN value"):
        orn.fit(gaps, name, folds=0)


def test_what_a_fit_chose_is_settled():
    """The folds refit the mixture with as many components as the whole had, instead of choosing for each again."""
    x = torch.cat([X - 10, X + 10])
    fitted = orn.recipes.Mixture().fit(x, Work())
    assert fitted.settled == orn.recipes.Mixture(components=len(fitted.law.components), shrinkage="oas", starts=1)
    assert len(fitted.law.components) > 1


def test_the_folds_refit_what_was_settled(monkeypatch):
    x, asked = torch.cat([X - 10, X + 10]), []

    def watched(u, components, structure, **options):
        asked.append(components)
        return fit_mixture(u, components, structure, **options)

    monkeypatch.setattr("ornstein.fitting.mixture.fit_mixture", watched)
    model = orn.fit(x, "mixture", structure="diagonal", folds=3)
    assert asked == 4 * [len(model.law.components)]


def test_the_command_line_knows_every_option():
    """All but what only Python can hold; and what is not given stays the recipe's own default."""
    known = {parameter.name.removeprefix("law_") for parameter in law_parameters(str)}
    everything = {option for recipe in EVERY.values() for option in options_of(recipe)}
    assert known == everything - set(PYTHON_ONLY)
    assert set(FLAGS) <= known
    assert law_options({parameter.name: parameter.default for parameter in law_parameters(str)}) == {}
    assert law_options({"law_shrinkage": "0.25", "law_rate": 0.1}) == {"shrinkage": 0.25, "rate": 0.1}


def test_the_options_of_training_are_those_of_the_recipe():
    assert {field.name for field in fields(Options)} <= set(options_of(RECIPES["network"]))


@pytest.mark.parametrize(
    ("axes", "options", "expected"),
    [
        (2, {}, "feature"),
        (3, {}, "channel"),
        (4, {}, "channel"),
        (2, {"structure": "low-rank"}, "feature"),
        (2, {"structure": "toeplitz"}, "channel"),
        (2, {"structure": "auto"}, "channel"),
        (2, {"structure": "matern-3/2"}, "channel"),
    ],
)
def test_vectors_have_a_scale_for_each_entry(axes, options, expected):
    """Entries of a vector may have unlike units; where a structure lives in time, one scale keeps it."""
    assert orn.recipes.Gaussian(**options).standardize(axes) == expected


def test_columns_of_unlike_units_do_not_blur_each_other():
    """Shrinkage towards one variance would give the small column that of the large ones."""
    x = X * torch.tensor([1e3, 1.0, 0.002, 30.0], dtype=torch.float64) + 7
    said: list[str] = []
    drawn = orn.fit(x, folds=0, progress=said.append).sample(2000)
    torch.testing.assert_close(drawn.std(0), x.std(0), rtol=0.1, atol=0)
    assert "differ by a factor of 4.8" in said[0]
    with pytest.warns(UserWarning, match="small ones are lost beside large ones: leave standardize out, or choose 'feature'"):
        orn.fit(x, folds=0, standardize="channel")


def test_entries_that_do_not_vary_have_no_scale_to_compare():
    assert spread(torch.tensor([[1.0, 2.0, 0.0], [3.0, 2.0, 0.5]])) == pytest.approx(4.0)
    assert spread(torch.ones(3, 2)) == 1.0


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(5, 4)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return self.inner(torch.cat([x, noise[:, None]], 1))


@pytest.mark.filterwarnings("ignore:no network got below")
def test_a_module_of_your_own_is_a_recipe_too():
    module = Tiny()
    assert recipe_of(module, {"steps": 2}) == orn.recipes.Network(module=module, steps=2)
    assert isinstance(orn.fit(X, orn.recipes.Network(module=Tiny(), steps=2)).law, Network)


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        ("gausian", {}, "did you mean 'gaussian'"),
        (7, {}, "model is 7, but must be one of gaussian, mixture, empirical, network, binary, categorical, a recipe"),
        (["gaussian"], {}, r"model is \['gaussian'\], but must be a single name"),
        ("gaussian", {"components": 3}, "components is 3, but model is 'gaussian': components belongs to model 'mixture'"),
        ("empirical", {"steps": 3}, "steps belongs to model 'network'"),
        (Shrunk(), {"factor": 3.0}, "factor is given beside a recipe, which holds its own options: put it into the shrunk recipe"),
        ("gaussian", {"componets": 3}, "did you mean 'components'"),
        ("gaussian", {"fold": 3}, "did you mean 'folds'"),
        ("gaussian", {"labels": [0, 1] * 30}, "labels is given, but model is 'gaussian': labels belongs to model 'network'"),
        ("network", {"folds": 3}, "a network is trained once"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(model, options, says):
    with pytest.raises(orn.InputError, match=says):
        orn.fit(X, model, **options)


def test_a_single_recording_is_told_to_be_cut():
    with pytest.raises(orn.InputError, match=r"one recording of 19200 samples.*at least 2 cases.*x\.windows\(192\) \(--window 192\)"):
        orn.fit(torch.zeros(1, 64, 19200))
