"""More than one machine, on Ray: the one room that imports it. Nothing distributed is written here.

    cluster.py  the cluster that is used: the one that RAY_ADDRESS names, or this machine
    reading.py  the parts of a bulk reading, on Ray Data
    training.py trainings side by side, as tasks
    tuning.py   a search for the values of a recipe, on Ray Tune

Needs the extra `scale`.
"""

from inkling import system

system.require("Running on a cluster", "scale")
