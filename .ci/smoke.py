"""Wait for the server whose output goes to a log, and have it read a 7.

    python3 .ci/smoke.py LOG SECONDS

Fails unless it has read it within SECONDS. Standard library only.
"""

import json
import re
import sys
import time
import urllib.request
from pathlib import Path

log, seconds = Path(sys.argv[1]), float(sys.argv[2])
began = time.monotonic()
while not (found := re.search(r"http://\S+", log.read_text())):
    if time.monotonic() - began > seconds:
        sys.exit(f"Not ready within {seconds:g} s:\n{log.read_text()}")
    time.sleep(0.02)
strokes = {"strokes": [[[110, 80], [270, 80], [180, 310]]], "pen": 30}
request = urllib.request.Request(
    f"{found.group()}/api/read",
    json.dumps(strokes).encode(),
    {"Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=30) as answer:
    label = json.load(answer)["label"]
took = time.monotonic() - began
if label != 7 or took > seconds:
    sys.exit(f"Read a 7 as {label}, after {took:.1f} s of {seconds:g} s")
sys.stdout.write(f"Ready and reading after {took:.1f} s\n")
