"""From a slow sensor to hourly values: a day known by its four-hour means only, exactly and with measurement noise."""

import ornstein as orn
from ornstein.data import examples

days = examples.electricity()
model = orn.fit(days[:800], folds=0)
sensor = orn.Average(4)

day = days.values[900]
y = sensor(day[None])[0]  # (1, 6): six means
for noise in (0.0, 0.3):
    post = model.posterior(sensor, y, noise=noise)
    draws = post.sample(100, seed=1)
    kept = (sensor(draws) - y).abs().max()
    error = (post.mean() - day).square().mean().sqrt()
    width = post.covariance().diagonal().mean().sqrt()
    print(f"noise {noise:.1f}: error {error:.3f}, deviation {width:.3f}, draws miss the means by up to {kept:.1e}, ", end="")
    print(f"log evidence {float(post.log_evidence):.2f} nats")

both = model.posterior(sensor, y).posterior(orn.Downsample(12), day[:, ::12])  # two exact hours on top, 00:00 and 12:00
print(f"with two exact hours: deviation {both.covariance().diagonal().mean().sqrt():.3f}")
