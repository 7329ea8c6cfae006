"""Fill the gaps of signals: hide six hours of known days, draw what they could have been, and count how often the band holds."""

import torch

import ornstein as orn
from ornstein import metrics
from ornstein.data import examples

days = examples.electricity()
order = torch.randperm(len(days), generator=torch.Generator().manual_seed(0))  # days drift along the file
train, test = days[order[:800]], days[order[800:]]
model = orn.fit(train, "mixture", components=8, folds=0)

gaps = test.values.clone()
gaps[:, :, 8:14] = torch.nan  # 08:00 to 13:00 were not recorded
draws = model.impute(gaps, draws=200)

hidden, truth = draws[..., 8:14], test.values[..., 8:14]
error = (hidden.mean(0) - truth).square().mean().sqrt()
print(f"hidden hours: {truth.numel()}, root mean square error {error:.3f} (of a day with deviation 1)")
for found in metrics.coverage(hidden, truth):
    print(f"{found.level:.0%} band holds {found.value:.1%} ± {found.error:.1%}")
assert torch.equal(draws[..., :8], test.values[..., :8].expand(200, -1, -1, -1))  # what was observed stays as it is
