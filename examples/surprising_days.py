"""Which days are unusual: log-densities, and p-values that hold whatever the law, from days the fit had not seen."""

import torch

import ornstein as orn
from ornstein.data import examples

days = examples.electricity()
order = torch.randperm(len(days), generator=torch.Generator().manual_seed(0))
train, test = days[order[:800]], days[order[800:]]
model = orn.fit(train, "mixture", components=8)

nats, p = model.surprise(test)
for level in (0.01, 0.05, 0.2):
    print(f"p <= {level:.2f}: {(p <= level).double().mean():.1%} of {len(test)} days (at most about {level:.0%} expected)")

print("most surprising:")
for i in nats.argsort(descending=True)[:3].tolist():
    peak = int(test.values[i, 0].argmax())
    print(f"  day {int(order[800 + i])}: {-nats[i]:.1f} nats, p = {p[i]:.4f}, highest demand at {peak:02d}:00")

night = test.with_values(test.values.flip(-1))  # days that run backwards
backwards = model.surprise(night).p_value
print(f"days reversed in time: {(backwards <= 0.05).double().mean():.0%} have p <= 0.05")
