"""From a recipe to a bundle.

`create` makes the folder of a run and `train` carries it out; `take_record` does so over seeds.
Beside them, with the store of drawings: `finetune.fine_tune`. `weights.first_layer` shows what a
network has learnt.
"""

from inkling.errors import MissingExtra

try:
    from inkling.training.loop import create, train
    from inkling.training.record import take_record
except ModuleNotFoundError as cause:
    raise MissingExtra("Training", str(cause.name), "train") from cause

__all__ = ["create", "take_record", "train"]
