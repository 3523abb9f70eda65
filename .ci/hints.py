"""Whether the type of every public name, and of all that it holds, is known to an editor.

pyright --verifytypes inkling --outputjson | python .ci/hints.py
"""

import json
import sys

import inkling

found = json.load(sys.stdin)["typeCompleteness"]["symbols"]
public = {
    f"{getattr(inkling, name).__module__}.{getattr(inkling, name).__qualname__}"
    for name in inkling.__all__
}
checked = [
    symbol
    for symbol in found
    if symbol["name"] in public
    or symbol["name"].rpartition(".")[0] in public
    or symbol["name"].removeprefix("inkling.") in inkling.__all__
]
unknown = [
    f"{symbol['name']}: {'; '.join(error['message'] for error in symbol['diagnostics'])}"
    for symbol in checked
    if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]
]
said = "\n".join(unknown) or f"The types of {len(checked)} public names are known."
sys.stdout.write(f"{said}\n")
sys.exit(bool(unknown) or len(checked) < len(public))
