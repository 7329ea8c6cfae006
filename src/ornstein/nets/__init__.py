"""Networks for denoisers: one call, ``net(x, noise, condition)``, and one way in for everything a network is told."""

from ornstein.nets.accepts import accepts
from ornstein.nets.base import Net
from ornstein.nets.choose import default_net, describe, named_net
from ornstein.nets.condition import Condition
from ornstein.nets.embedding import Conditioner
from ornstein.nets.entries import Entries
from ornstein.nets.mlp import MLP
from ornstein.nets.transformer import Transformer
from ornstein.nets.unet import UNet

__all__ = ["MLP", "Condition", "Conditioner", "Entries", "Net", "Transformer", "UNet", "accepts", "default_net", "describe", "named_net"]
