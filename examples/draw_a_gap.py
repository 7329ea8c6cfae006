"""Hide six hours of three days, impute them from all other days, and draw the bands: the picture of the README.

python examples/draw_a_gap.py [PICTURE.png]
"""

import sys

import torch

import ornstein as orn
from ornstein.data.examples import electricity
from ornstein.plots import imputation

days = electricity()
shown, hidden = [150, 319, 682], slice(9, 15)
rest = [i for i in range(len(days)) if i not in shown]

model = orn.fit(days[rest], "mixture", components=8, folds=0)

truth = days[shown].values
gaps = truth.clone()
gaps[..., hidden] = torch.nan
draws = model.impute(gaps, 400)

bands = [tuple(torch.quantile(draws, torch.tensor(ends, dtype=draws.dtype), dim=0)) for ends in ((0.05, 0.95), (0.25, 0.75))]
left, right = truth[..., hidden.start - 1], truth[..., hidden.stop]
share = torch.linspace(0, 1, hidden.stop - hidden.start + 2, dtype=truth.dtype)[1:-1]
line = truth.clone()
line[..., hidden] = left.unsqueeze(-1) + (right - left).unsqueeze(-1) * share

inside = (truth >= bands[0][0]) & (truth <= bands[0][1])
print(f"90 % bands hold {inside[..., hidden].double().mean():.0%} of the hidden hours of these days")

names = [f"day {i}" for i in shown]
figure = imputation(truth, hidden, draws.mean(0), bands, line, names=names, channels=["demand"], units=[""], rate=days.rate)
figure.savefig(next((word for word in sys.argv[1:] if word.endswith(".png")), "gap.png"), dpi=150)
