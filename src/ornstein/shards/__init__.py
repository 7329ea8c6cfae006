"""One object that a cluster can run: scores, filled gaps and draws of a model, batch by batch and shard by shard."""

from ornstein.shards.run import Outcome, run
from ornstein.shards.summary import Summary
from ornstein.shards.workers import Drawer, Imputer, Scorer, Worker

__all__ = ["Drawer", "Imputer", "Outcome", "Scorer", "Summary", "Worker", "run"]
