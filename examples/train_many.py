"""Train one network on all devices of a machine: torchrun --nproc-per-node 2 examples/train_many.py. Alone, the same script uses one.

Every process runs this script. Each trains on its share of every batch, draws its share of the samples, and all end with the same network.
"""

import sys

import torch

import ornstein as orn
from ornstein.data import examples
from ornstein.samplers import DPMSolver, sample_together
from ornstein.schedules import VP

folder = sys.argv[1] if len(sys.argv) > 1 else None  # for checkpoints; with a folder, a run that was killed goes on with resume=True
days = examples.electricity().values.to(torch.float32)
days = (days - days.mean()) / days.std()

with orn.ranks.joined() as ranks:
    net = orn.nets.default_net(tuple(days.shape[1:]), len(days))
    # parallel="fsdp" splits the weights as well, for networks that do not fit on one device
    trained = orn.training.fit(days, net, steps=60, rate=3e-3, parallel="auto", folder=folder)
    law = trained.network
    samples = sample_together(law, DPMSolver(), VP(), 12, 101, ranks, seed=0, reference=law.reference)
    if ranks.main:
        print(f"{ranks.count} process{'es' * (ranks.count > 1)}, {trained.steps} steps, {trained.seconds:.0f} s")
        print(f"held-out loss {trained.held_out:.3f}, that of the Gaussian {trained.gaussian:.3f}")
        print(f"{len(samples)} samples of deviation {samples.std():.2f} (of the data: {days.std():.2f})")
