"""Cases that a law was fitted to are judged by laws that have not seen them."""

import torch

import ornstein as orn
from ornstein.data.laws import cosines
from ornstein.fitting.held_out import blocks, unseen


def test_each_case_is_judged_by_the_law_that_left_it_out():
    x = cosines(60, 12).values.double()
    model = orn.fit(x)
    nats, p_value = unseen(model.judges, x)
    folds = blocks(len(x), len(model.judges))
    held = torch.cat([judge.log_prob(x[fold.test]) for judge, fold in zip(model.judges, folds, strict=True)])
    torch.testing.assert_close(nats, -held)
    order = nats.argsort(descending=True)
    torch.testing.assert_close(p_value[order], torch.arange(1, 61, dtype=torch.float64) / 60)
    assert float(nats.mean()) > float(-model.log_prob(x).mean())  # the law itself finds them more usual than they are


def test_other_cases_and_gaps_are_not_taken_for_them():
    x = cosines(60, 12).values.double()
    model = orn.fit(x)
    gone = x.clone()
    gone[3, 0, 2] = torch.nan
    assert unseen(model.judges, cosines(60, 12, seed=1).values.double()) is None
    assert unseen(model.judges, x[:50]) is None
    assert unseen(model.judges, x.flip(0)) is None
    assert unseen(model.judges, gone) is None
    assert unseen((), x) is None
