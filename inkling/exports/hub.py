"""A bundle as a model repository of the Hugging Face Hub, and its way there.

README.md          what it is, how good and for what: the model card, with metadata
card.json          the bundle, unchanged, which `Reader.load("hf://user/name")` reads with
model.onnx
model_int8.onnx    the graph with 8 bits, where the images that it was trained with are here
config.json        the same network for PyTorch, which `networks.hub.Network` loads; not of
model.safetensors  networks that are not Inkling's own
examples/          drawings that are part of Inkling, and of no data set
.eval_results/     the accuracy on the test set, for the Hub's leaderboards: the Hub shows it
                   where that data set is registered as a benchmark
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling import metrics
from inkling.acceptance import Acceptance, highest_score
from inkling.errors import InklingError, MissingExtra
from inkling.exports import onnx_int8
from inkling.files import claimed, write_atomically
from inkling.ink import Drawing
from inkling.metrics import Report
from inkling.plots.images import png
from inkling.reading import bundle
from inkling.reading.bundle import Card
from inkling.reading.reader import Reader

try:
    import huggingface_hub as hf
    from huggingface_hub.errors import HFValidationError
except ImportError as cause:
    raise MissingExtra("The Hub", str(cause.name), "hub") from cause
try:
    import onnx
    from safetensors.numpy import save
except ImportError as cause:
    raise MissingExtra("This export", str(cause.name), "train") from cause

README, CONFIG, WEIGHTS, EXAMPLES = "README.md", "config.json", "model.safetensors", "examples"
INT8, RESULTS = "model_int8.onnx", ".eval_results"
OPTIONAL = [INT8, CONFIG, WEIGHTS, f"{EXAMPLES}/*.png", f"{RESULTS}/*.yaml"]
OURS = [README, bundle.CARD, bundle.MODEL, *OPTIONAL]
OURS_OF_SPACE = [
    README, "*.html", "*.js", "*.svg", "*.webmanifest", "inkling-js/*", "model/*"
]  # fmt: skip
PREFIX = "network."  # of a tensor's name in the graph: training.export.Calibrated
NORMALISATION = ("weight", "bias", "running_mean", "running_var")  # as ONNX orders them
EPSILON = 1e-5  # of PyTorch's normalisations
ON_THE_HUB = {"mnist": "ylecun/mnist", "fashion-mnist": "zalando-datasets/fashion_mnist"}
DRAWINGS = {  # in the order of the model card
    "seven": Drawing([[(14, 14), (46, 16), (76, 12), (62, 38), (48, 68), (38, 104)]], 9),
    "four": Drawing([[(52, 8), (16, 66), (78, 64)], [(60, 34), (56, 106)]], 9),
    "two": Drawing(
        [[(14, 30), (24, 12), (44, 8), (58, 22), (52, 46), (12, 98), (40, 94), (68, 98)]], 9
    ),
    "scribble": Drawing(
        [[(10, 20), (90, 70), (14, 74), (86, 16), (40, 96), (52, 6), (94, 44), (8, 50)]], 9
    ),
}

Tensors = dict[str, NDArray[Any]]
SAID = {True: "accepted", False: "not accepted", None: ""}
MODEL_CARD = """\
---
{metadata}
---
# {title}

It reads an image of {what}, and says how sure it is and whether to believe it. It has
{card.parameters:,} parameters; an image costs {card.multiply_adds:,} multiply-adds. Made with
Inkling.

{examples}
## What it reads

Images `(N, 1, 28, 28)` in [0, 1], ink = 1 on 0, placed as those of {card.dataset} are. Inkling
makes them of pictures, photographs and pen strokes.

The graph `model.onnx` gives `logits` and `probabilities` `(N, {classes})`, calibrated, and
`ood_score` `(N,)`, in nats: the higher, the less an image looks like any class. Scaling of the
input is part of the graph.

## How to use it

```python
import inkling  # pip install 'inkling-reader[hub]'

reader = inkling.Reader.load("hf://{name}")
reading = reader.read("picture.png")
print(reading.name, reading.confidence, reading.accepted)
```

The bundle is checked as any other: the digest of the graph, and that it has no foreign parts.
Without Inkling, ONNX Runtime runs the graph:

```python
import numpy as np
import onnxruntime
from huggingface_hub import hf_hub_download

session = onnxruntime.InferenceSession(hf_hub_download("{name}", "model.onnx"))
images = {{"images": np.zeros((1, 1, 28, 28), np.float32)}}
logits, probabilities, ood_score = session.run(None, images)
```

{int8}{pytorch}
## How good it is

{accuracies}

{accepted}

## What it does not see

{limits}

## What it was trained with

Recipe `{recipe}`: {about}. Seed {card.seed}, {card.train_seconds:,.0f} seconds, {created}.
`card.json` holds every value of the recipe, the digests of the data, and the versions of the
libraries. No image of a data set is part of this repository.

{attribution}

The weights are under {card.licence}.
"""
INT8_GRAPH = """\
`model_int8.onnx` is the same graph with 8 bits: a quarter of the bytes, and faster. Its figures are
not quite those below.

"""
PYTORCH = """\
The same network in PyTorch, whose logits are calibrated too:

```python
from inkling.networks.hub import Network  # pip install 'inkling-reader[hub,train]'

network = Network.from_pretrained("{name}")
probabilities = network(images).softmax(1)
```
"""
ACCEPTED = """\
A reading is accepted from a confidence of {confidence:.4f} on, and up to an `ood_score` of
{score:.2f}. Of these sources:

{table}

Temperature and thresholds were fitted to these sources, so that the figures flatter it a little."""
UNKNOWN = "It cannot say which readings to believe: no image validated it."
LIMITS_OF_DIGITS = """\
- It reads one digit, 0 to 9. Inkling reads numbers with another network, which is not part of this
  repository.
- Letters, signs and scribbles mostly get a high `ood_score`, yet not all of them: what is no digit
  may be read as one, and accepted.
"""
LIMITS = """\
- What is said of accepted readings is about images like those of the sources. Writers whose hand
  looks like nobody's there may be read worse.
- It sees 28x28 pixels of grey. What is lost there is lost."""


def write(reader: Reader, path: Path, name: str | None = None) -> Path:
    """Write a repository to a folder, which is new or holds an earlier one.

    `name` is what it is called on the Hub, as "user/digits".
    """
    card = reader.card
    tensors = weights(reader.session.model, card)
    int8 = _int8(reader)
    with claimed(path, README, bundle.CARD):
        for old in (file for pattern in OPTIONAL for file in path.glob(pattern)):
            old.unlink()  # another network may have had it
        if tensors:
            write_atomically(path / CONFIG, json.dumps(_config(card), indent=2).encode() + b"\n")
            write_atomically(path / WEIGHTS, save(tensors, {"format": "pt"}))
        for about, drawing in DRAWINGS.items() if _reads_digits(card) else ():
            (path / EXAMPLES).mkdir(exist_ok=True)
            write_atomically(path / EXAMPLES / f"{about}.png", png(drawing.picture()))
        if int8:
            write_atomically(path / INT8, int8)
        if card.dataset in ON_THE_HUB:
            (path / RESULTS).mkdir(exist_ok=True)
            write_atomically(path / RESULTS / f"{card.dataset}.yaml", _test_result(card).encode())
        name = name or f"user/{path.resolve().name}"
        content = _readme(reader, name, bool(tensors), bool(int8))
        write_atomically(path / README, content.encode())
    bundle.write(path, card, reader.session.model)
    return path


def _int8(reader: Reader) -> bytes | None:
    """The graph with 8 bits; None where its images are not here, or where it has them already."""
    try:
        return onnx_int8.network(reader)
    except InklingError:
        return None


def push(folder: Path, name: str, space: bool = False) -> str:
    """Create the repository `name` where it is not there, and upload a folder; its address.

    The folder is one of `write`; or a space, one of `space.write`. Raises InklingError. The files
    of an earlier upload that are no longer in the folder are deleted there, others are not touched.
    """
    kind, files = ("space", OURS_OF_SPACE) if space else ("model", OURS)
    if not hf.get_token():
        raise InklingError(
            f"{name}: expected a token of the Hub, got none",
            "Log in with `hf auth login`, or set HF_TOKEN; then push again",
        )
    api = hf.HfApi(library_name="inkling")
    try:
        sdk = "static" if space else None
        url = api.create_repo(name, exist_ok=True, repo_type=kind, space_sdk=sdk)
        api.upload_folder(
            repo_id=name,
            repo_type=kind,
            folder_path=folder,
            allow_patterns=files,
            delete_patterns=files,
            commit_message="Exported from Inkling",
        )
    except Exception as cause:  # HTTP, sockets, storage and checks of names raise their own
        raise _refused(name, cause) from cause
    return str(url)


def _refused(name: str, cause: Exception) -> InklingError:
    """What to do where the Hub does not take a repository."""
    status = getattr(getattr(cause, "response", None), "status_code", None)
    said = str(getattr(cause, "server_message", None) or cause).strip().partition("\n")[0]
    said = said.rstrip(".")
    if status in (401, 403):
        return InklingError(
            f"{name}: expected a token that may write there, got {status} from the Hub ({said})",
            "See https://huggingface.co/settings/tokens",
        )
    if isinstance(cause, HFValidationError):
        return InklingError(f"{name}: expected a name as user/name, but {said}", "Name another")
    answered = f"the Hub answered {status} ({said})" if status else said
    return InklingError(
        f"{name}: expected the Hub to take it, but {answered}",
        "Check the network and HF_ENDPOINT, then push again",
    )


def weights(model: bytes, card: Card) -> Tensors:
    """The tensors of a graph by PyTorch's names; none where the network is not Inkling's own.

    Nor of weights of 8 bits, which its layers do not take. The exporter folds a normalisation into
    the convolution before it where nothing stands between, and may keep equal tensors once. So
    names follow the order of the layers: in Inkling's networks, what comes after a convolution is
    numbered on.
    """
    if card.recipe.get("model") in ("custom", "scratch") or "evaluation" not in card.recipe:
        return {}
    graph = onnx.load_from_string(model).graph
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found: Tensors = {}
    layer = ""
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm"):
            kernel, *bias = node.input[1:]
            if not kernel.startswith(PREFIX) or kernel not in arrays:
                return {}
            layer = kernel.removeprefix(PREFIX).removesuffix(".weight")
            found[f"{layer}.weight"] = arrays[kernel]
            if bias == [f"{PREFIX}{layer}.bias"]:
                found[f"{layer}.bias"] = arrays[bias[0]]
            elif bias:
                layer, shift = _next(layer), arrays[bias[0]]
                one, zero = np.ones_like(shift), np.zeros_like(shift)
                found |= _normalisation(layer, one, shift, zero, one - np.float32(EPSILON))
        elif node.op_type == "MaxPool":
            layer = _next(layer)
        elif node.op_type == "BatchNormalization":
            layer = _next(layer)
            found |= _normalisation(layer, *(arrays[given] for given in node.input[1:]))
    return found


def _next(layer: str) -> str:
    """The name of the module after one, as body.3 after body.2."""
    before, _, number = layer.rpartition(".")
    return f"{before}.{int(number) + 1}"


def _normalisation(layer: str, *values: NDArray[Any]) -> Tensors:
    named = zip(NORMALISATION, values, strict=True)
    counted = {f"{layer}.num_batches_tracked": np.array(0)}
    return {f"{layer}.{name}": value for name, value in named} | counted


def _config(card: Card) -> dict[str, Any]:
    """What `networks.hub.Network` is made with."""
    return {
        "model": card.recipe["model"],
        "classes": len(card.classes),
        "temperature": card.temperature,
        "test_time_augmentation": card.recipe["evaluation"]["test_time_augmentation"],
    }


def _reads_digits(card: Card) -> bool:
    return card.classes == tuple("0123456789")


def results(card: Card) -> list[hf.EvalResult]:
    """The figures of a card, source by source, as the Hub writes them."""
    found = [_result(card.dataset, "test", "Accuracy", card.test.accuracy)]
    for name, report in card.reports.items():  # as "CROHME dev"
        dataset, _, part = name.partition(" ")
        found.append(_result(dataset, part, "Accuracy", _right(report) / report.n))
    for source in card.acceptance.sources if card.acceptance else ():  # as "crohme:dev"
        dataset, _, part = source.name.partition(":")
        found.append(_result(dataset, part, "Coverage", source.coverage))
        if source.accepted_accuracy is not None:
            accuracy = source.accepted_accuracy
            found.append(_result(dataset, part, "Accuracy of accepted readings", accuracy))
    return found


def _result(dataset: str, part: str, metric: str, value: float) -> hf.EvalResult:
    name = dataset.lower()
    return hf.EvalResult(
        task_type="image-classification",
        dataset_type=ON_THE_HUB.get(name, name),
        dataset_name=f"{name} {part}",
        dataset_split=part,
        metric_type=metric.partition(" ")[0].lower(),
        metric_name=metric,
        metric_value=round(value, 5),
    )


def _test_result(card: Card) -> str:
    """The accuracy on the test set, as the Hub's leaderboards take it."""
    return f"""- dataset:
    id: {ON_THE_HUB[card.dataset]}
    task_id: default
  value: {card.test.accuracy}
  notes: n = {card.test.n}
"""


def _right(report: Report) -> int:
    return sum(row[label] for label, row in enumerate(report.confusion))


def metadata(card: Card, name: str) -> hf.ModelCardData:
    """What the Hub lists and searches."""
    trained = [one.dataset for one in card.attribution] or [card.dataset]
    return hf.ModelCardData(
        license=card.licence.lower().replace(" ", "-"),
        library_name="inkling",
        pipeline_tag="image-classification",
        tags=["handwriting", card.dataset, "onnx", "pytorch_model_hub_mixin"],
        datasets=[ON_THE_HUB[one] for one in trained if one in ON_THE_HUB] or None,
        metrics=["accuracy"],
        model_name=name.rpartition("/")[2],
        eval_results=results(card),
    )


def _readme(reader: Reader, name: str, has_weights: bool, has_int8: bool) -> str:
    """The model card."""
    card, digits = reader.card, _reads_digits(reader.card)
    return MODEL_CARD.format(
        metadata=metadata(card, name).to_yaml(),
        title=name.rpartition("/")[2],
        what="one handwritten digit" if digits else f"one of {', '.join(card.classes)}",
        card=card,
        name=name,
        classes=len(card.classes),
        examples=_examples(reader) if digits else "",
        int8=INT8_GRAPH if has_int8 else "",
        pytorch=PYTORCH.format(name=name) if has_weights else "",
        accuracies=_accuracies(card),
        accepted=_accepted(card.acceptance) if card.acceptance else UNKNOWN,
        limits="".join(_limits(card, digits)),
        recipe=card.recipe.get("name"),
        about=card.recipe.get("about"),
        created=card.created[:10],
        attribution=_table(
            ["data set", "source", "licence", ""],
            ([one.dataset, one.citation, one.licence, one.url] for one in card.attribution),
        ),
    )


def _examples(reader: Reader) -> str:
    """Drawings, and how they are read."""
    read = zip(DRAWINGS, reader.read_many(DRAWINGS.values()), strict=True)
    rows = (
        [
            f"![{about}]({EXAMPLES}/{about}.png)",
            one.name,
            f"{one.confidence:.1%}",
            SAID[one.accepted],
        ]
        for about, one in read
    )
    return _table(["drawing", "read as", "confidence", ""], rows) + "\n"


def _accuracies(card: Card) -> str:
    rows = [(f"{card.dataset} test", card.test.n, card.test.accuracy, card.test.interval)]
    for name, report in card.reports.items():
        right = _right(report)
        rows.append((name, report.n, right / report.n, metrics.wilson(right, report.n)))
    return _table(
        ["source", "images", "accuracy", "95 % interval"],
        ([name, f"{n:,}", *_share(share, interval)] for name, n, share, interval in rows),
    )


def _accepted(acceptance: Acceptance) -> str:
    rows = (
        [
            source.name,
            f"{source.n:,}",
            f"{source.coverage:.1%}",
            *_share(source.accepted_accuracy, source.accepted_interval),
        ]
        for source in acceptance.sources
    )
    header = ["source", "images", "accepted", "accuracy of accepted", "95 % interval"]
    return ACCEPTED.format(
        confidence=acceptance.min_confidence,
        score=highest_score(acceptance),
        table=_table(header, rows),
    )


def _limits(card: Card, digits: bool) -> Iterator[str]:
    if digits:
        yield LIMITS_OF_DIGITS
    for source in card.acceptance.sources if card.acceptance else ():
        if source.worst_writers is not None:
            yield (
                f"- On the tenth of the writers of {source.name} that it reads worst, its\n"
                f"  accuracy is {source.worst_writers:.1%}.\n"
            )
    yield LIMITS


def _share(share: float | None, interval: tuple[float, float] | None) -> list[str]:
    if share is None or interval is None:
        return ["", ""]
    return [f"{share:.2%}", f"{interval[0]:.2%} to {interval[1]:.2%}"]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
