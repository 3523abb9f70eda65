"""More than one machine, on Ray: the one room that imports it. Nothing distributed is written here.

    cluster.py  the cluster that is used: the one that RAY_ADDRESS names, or this machine
    reading.py  the parts of a bulk reading, on Ray Data
    training.py trainings: side by side, or one by several workers
    tuning.py   a search for the values of a recipe, on Ray Tune
    serving.py  the server, on Ray Serve

Needs the extra `scale`.
"""

import os
import secrets
import sys

from inkling import system

if "RAY_ADDRESS" not in os.environ and "ray" not in sys.modules:
    # Ray looks at these when it is imported. With the first, a cluster of this machine listens at
    # 127.0.0.1 alone. With the others, it answers only those who know the token.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

system.require("Running on a cluster", "scale")
