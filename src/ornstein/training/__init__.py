"""Training: denoising score matching over noise levels fitted to the spectrum, as a loop that the caller may own."""

from ornstein.training.averages import Averages
from ornstein.training.best import Best
from ornstein.training.budget import Budget
from ornstein.training.checkpoint import Checkpoints
from ornstein.training.fit import Trained, fit
from ornstein.training.held_out import HELD_OUT, HeldOut, split
from ornstein.training.journal import Journal, read_journal
from ornstein.training.levels import LogNormal, NoiseLevels, SpectrumLevels
from ornstein.training.loss import Loss
from ornstein.training.masks import Masks, completed
from ornstein.training.options import Options
from ornstein.training.order import Order
from ornstein.training.pace import Pace
from ornstein.training.record import Record
from ornstein.training.run import Run
from ornstein.training.show import Display
from ornstein.training.tensorboard import TensorBoard
from ornstein.training.trainer import Step, Trainer
from ornstein.training.weights import EDM, WEIGHTS, Eps, MinSNR, Uncertainty, Weight, weight_named

__all__ = [
    "EDM",
    "HELD_OUT",
    "WEIGHTS",
    "Averages",
    "Best",
    "Budget",
    "Checkpoints",
    "Display",
    "Eps",
    "HeldOut",
    "Journal",
    "LogNormal",
    "Loss",
    "Masks",
    "MinSNR",
    "NoiseLevels",
    "Options",
    "Order",
    "Pace",
    "Record",
    "Run",
    "SpectrumLevels",
    "Step",
    "TensorBoard",
    "Trained",
    "Trainer",
    "Uncertainty",
    "Weight",
    "completed",
    "fit",
    "read_journal",
    "split",
    "weight_named",
]
