"""The page to learn on, and its network: that from first principles, in JavaScript."""

import contextlib
import gzip
import json
import re
import shutil
import subprocess
from itertools import pairwise

import httpx
import numpy as np
import onnx
import onnxruntime
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT, missing
from onnx.reference import ReferenceEvaluator
from playwright.sync_api import expect

import inkling
from inkling.networks import scratch
from inkling.reading import bundle

STEPS = 4
PROGRAM = """
import * as net from "PATH";
const given = JSON.parse(process.argv[1]);
const { network, optimizer, rate, steps } = given;
const [x, t] = [Float64Array.from(given.images), Float64Array.from(given.targets)];
const layers = given.parameters.map(([weights, bias]) => ({
  weights: Float64Array.from(weights), bias: Float64Array.from(bias),
}));
let state = net.begin(layers);
const losses = [];
for (let step = 0; step < steps; step++) {
  const outputs = net.forward(network, state.parameters, x);
  losses.push(net.loss(network, outputs.at(-1), t));
  const gradients = net.backward(network, state.parameters, outputs, t);
  state = net.update(optimizer, state, gradients, rate);
}
const outputs = net.forward(network, state.parameters, x).map((values) => [...values]);
const learnt = state.parameters.map(({ weights, bias }) => [[...weights], [...bias]]);
process.stdout.write(JSON.stringify({ losses, outputs, learnt, unchanged: layers[0].weights[0] }));
"""


def in_node(program, argument, module="network.js"):
    """What a program prints in JSON, run by node with a module of the page as PATH."""
    if shutil.which("node") is None:
        missing("node is not here")
    path = ROOT / "inkling" / "web" / "static" / module
    command = ["node", "--input-type=module", "-e", program.replace("PATH", path.as_uri())]
    result = subprocess.run(
        [*command, json.dumps(argument)], capture_output=True, text=True, cwd=ROOT
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "leaky_relu"])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize(("kind", "momentum"), [("sgd", 0.0), ("sgd", 0.9), ("adam", 0.9)])
def test_the_pages_network_learns_as_the_one_from_first_principles(
    activation, loss, kind, momentum
):
    rng = np.random.default_rng(5)
    network = scratch.Network((30, 12, 7, 4), activation, loss)
    optimizer = scratch.Optimizer(kind, momentum)
    parameters = scratch.initialise(network, rng, np.float64)
    images = rng.random((6, 30)) * (rng.random((6, 30)) > 0.5)  # many pixels are 0
    targets = scratch.one_hot(rng.integers(0, 4, 6), 4).astype(np.float64)
    state, losses = scratch.begin(parameters), []
    for _ in range(STEPS):
        outputs = scratch.forward(network, state.parameters, images)
        losses.append(scratch.loss(network, outputs[-1], targets))
        gradients = scratch.backward(network, state.parameters, outputs, targets)
        state = scratch.update(optimizer, state, gradients, 0.3)
    found = in_node(
        PROGRAM,
        {
            "network": {"sizes": network.sizes, "activation": activation, "loss": loss},
            "optimizer": {"kind": kind, "momentum": momentum, "second_momentum": 0.999},
            "parameters": [[w.ravel().tolist(), b.tolist()] for w, b in parameters],
            "images": images.ravel().tolist(),
            "targets": targets.ravel().tolist(),
            "rate": 0.3,
            "steps": STEPS,
        },
    )
    assert found["losses"] == pytest.approx(losses, abs=1e-9)
    assert found["unchanged"] == parameters[0].weights[0, 0]  # a step makes new arrays
    expected = scratch.forward(network, state.parameters, images)
    for mine, theirs in zip(expected, found["outputs"], strict=True):
        assert np.abs(mine.ravel() - theirs).max() < 1e-9
    for (weights, bias), (their_weights, their_bias) in zip(
        state.parameters, found["learnt"], strict=True
    ):
        assert np.abs(weights.ravel() - their_weights).max() < 1e-9
        assert np.abs(bias - their_bias).max() < 1e-9


def test_fresh_weights_have_the_spread_of_the_rule():
    program = """
import * as net from "PATH";
const found = JSON.parse(process.argv[1]).map((initialiser) =>
  net.initialise({ sizes: [200, 100, 50], initialiser }, net.random(3))
    .map(({ weights, bias }) => [[...weights], [...bias]]));
process.stdout.write(JSON.stringify(found));
"""
    glorot, he = in_node(program, ["glorot", "he"])
    for (inputs, outputs), (weights, bias) in zip(pairwise((200, 100, 50)), glorot, strict=True):
        bound = np.sqrt(6 / (inputs + outputs))
        assert np.abs(weights).max() <= bound
        assert np.std(weights) == pytest.approx(bound / np.sqrt(3), rel=0.03)
        assert not any(bias)
    for inputs, (weights, _) in zip((200, 100), he, strict=True):
        assert np.std(weights) == pytest.approx(np.sqrt(2 / inputs), rel=0.03)
        assert abs(np.mean(weights)) < 0.005


MODEL = bundle.PRETRAINED / bundle.MODEL
COMPUTED = """
import { readFileSync } from "node:fs";
import * as net from "PATH";
const { model, images, names } = JSON.parse(process.argv[1]);
try {
  const graph = net.parse(new Uint8Array(readFileSync(model)));
  const found = JSON.parse(readFileSync(images)).map((image) => {
    const values = net.run(graph, image);
    return names.map((name) => [values.get(name).dims, [...values.get(name).data]]);
  });
  process.stdout.write(JSON.stringify(found));
} catch (error) {
  process.stdout.write(JSON.stringify(error.message));
}
"""


def computed(model, images, names, tmp_path):
    """The values of those names for each image, as the page computes them, or its error."""
    (tmp_path / "model.onnx").write_bytes(model)
    (tmp_path / "images.json").write_text(json.dumps([image.ravel().tolist() for image in images]))
    paths = {"model": str(tmp_path / "model.onnx"), "images": str(tmp_path / "images.json")}
    return in_node(COMPUTED, paths | {"names": names}, "graph.js")


def test_the_page_computes_the_graph_as_onnx_runtime_does(digits, tmp_path):
    rng = np.random.default_rng(3)
    images = np.concatenate(
        [digits[:6] / 255, rng.random((3, 28, 28)), np.zeros((1, 28, 28))]
    ).astype(np.float32)
    model = onnx.load(MODEL)
    relus = [node.output[0] for node in model.graph.node if node.op_type == "Relu"]
    names = [*relus, "logits", "probabilities", "ood_score"]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in relus)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    found = computed(MODEL.read_bytes(), images, names, tmp_path)
    assert len(relus) == 4
    for image, values in zip(images, found, strict=True):
        expected = session.run(names, {"images": image[None, None]})
        for mine, (dims, theirs) in zip(expected, values, strict=True):
            assert list(mine.shape) == dims
            assert np.abs(mine.ravel() - theirs).max() < 1e-4


def graph_of(operator, **attributes):
    """An ONNX file of one operator and a kernel, whose numbers lie in lists of their own."""
    kernel = onnx.helper.make_tensor("kernel", onnx.TensorProto.FLOAT, (1, 1, 3, 5), range(15))
    node = onnx.helper.make_node(operator, ["images", "kernel"], ["maps"], **attributes)
    values = (onnx.ValueInfoProto(name=name) for name in ("images", "maps"))
    graph = onnx.helper.make_graph([node], "one", [next(values)], [next(values)], [kernel])
    return onnx.helper.make_model(graph)


def test_a_convolution_has_any_kernel_stride_and_padding(tmp_path):
    image = np.random.default_rng(4).random((1, 28, 28)).astype(np.float32)
    model = graph_of("Conv", strides=[2, 3], pads=[1, 0, 2, 1])
    ((dims, found),) = computed(model.SerializeToString(), image, ["maps"], tmp_path)[0]
    (expected,) = ReferenceEvaluator(model).run(None, {"images": image[None]})
    assert list(expected.shape) == dims
    assert np.abs(expected.ravel() - found).max() < 1e-4


@pytest.mark.parametrize(
    ("model", "error"),
    [
        (graph_of("Gelu"), r"Expected the operators Add, .*, Softmax, got Gelu"),
        (graph_of("Conv", dilations=[2, 2]), "Expected dilations 1,1, got 2,2"),
        (onnx.ModelProto(), "Expected an ONNX file, got other bytes"),
    ],
)
def test_the_page_says_which_graph_it_cannot_compute(model, error, tmp_path):
    said = computed(model.SerializeToString(), np.zeros((1, 28, 28)), [], tmp_path)
    assert re.fullmatch(error, said)


@pytest.fixture
def open_learn(browser, server, mnist):
    """Opens the page to learn on; at the end, there must be no error and no foreign request."""
    assert mnist
    contexts, troubles = [], []

    def open_(width=1440, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: r.url.startswith(server) or troubles.append(r.url))
        page.goto(f"{server}/learn")
        expect(page.locator("#run")).to_be_enabled(timeout=30_000)
        expect(page.locator(".classes button")).to_have_count(10)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert troubles == []


def draw(page, strokes):
    """Draw on the sheet; points are shares of it."""
    sheet = page.locator("#sheet")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    for stroke in strokes:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=10)
        page.mouse.up()


SEVEN = [[(0.25, 0.2), (0.72, 0.2), (0.45, 0.85)]]


def accuracy(page):
    return float(page.locator("#figures dd").first.inner_text().removesuffix(" %"))


def test_a_network_learns_in_the_page_and_then_reads(open_learn):
    page = open_learn()
    assert accuracy(page) < 40  # fresh weights
    page.locator("#run").click()
    expect(page.locator("#figures dd").first).to_have_text(
        re.compile(r"^9[2-9]\.\d %$"), timeout=60_000
    )
    page.locator("#run").click()
    expect(page.locator("#run")).to_have_text("Train")
    draw(page, SEVEN)
    expect(page.locator(".classes .best b")).to_have_text("7")
    expect(page.locator("#confusion tbody tr")).to_have_count(10)
    counts = page.locator("#confusion td").all_inner_texts()
    assert sum(int(text) for text in counts if text != "·") == 1000
    expect(page.locator("#first-layer canvas")).to_have_count(20)
    expect(page.locator("#loss svg")).to_be_visible()
    steps = page.locator("#figures dd").nth(3).inner_text()
    page.wait_for_timeout(400)
    assert page.locator("#figures dd").nth(3).inner_text() == steps  # it pauses


def test_one_step_at_a_time_and_its_gradient_is_checked(open_learn):
    page = open_learn()
    steps = page.locator("#figures dd").nth(3)
    page.locator("#step").click()
    expect(steps).to_have_text("1")
    page.locator("#step").click()
    expect(steps).to_have_text("2")
    page.locator("#check").click()
    expect(page.locator("#checked tbody tr")).to_have_count(8)
    for row in page.locator("#checked tbody tr").all():
        slope, moved, differ = (float(cell) for cell in row.locator("td").all_inner_texts())
        assert differ < 1e-6
        assert abs(slope - moved) <= max(1e-6, 1e-3 * abs(slope))
    page.locator("#again").click()
    expect(steps).to_have_text("0")
    expect(page.locator("#checked")).to_be_hidden()


def test_other_settings_make_another_network_and_are_kept(open_learn):
    page = open_learn()
    page.locator("[name=hidden]").select_option("100,50")
    page.locator("[name=activation]").select_option("relu")
    page.locator("[name=optimizer]").select_option("adam")
    page.locator("[name=rate]").fill("0.001")
    page.locator("[name=rate]").blur()
    expect(page.locator(".units")).to_have_count(2)
    expect(page.locator(".units").nth(1).locator("button")).to_have_count(50)
    page.locator("#step").click()
    expect(page.locator("#figures dd").nth(3)).to_have_text("1")
    page.reload()
    expect(page.locator(".units")).to_have_count(2, timeout=30_000)
    assert page.locator("[name=activation]").input_value() == "relu"


def test_a_unit_shows_how_its_value_comes_about(open_learn):
    page = open_learn()
    draw(page, SEVEN)
    expect(page.locator("#unit")).to_be_hidden()
    page.locator(".units button").first.focus()
    expect(page.locator("#unit-title")).to_have_text("Layer 1, unit 1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#unit-title")).to_have_text("Layer 1, unit 12")
    said = page.locator("#unit-sum").inner_text().replace("−", "-")
    z, value = re.search(r"= (-?[\d.]+); sigmoid\(.*\) = ([\d.]+)$", said).groups()
    assert 1 / (1 + np.exp(-float(z))) == pytest.approx(float(value), abs=0.002)
    label = page.locator(".units button").nth(11).get_attribute("aria-label")
    assert float(label.rpartition(" ")[2]) == pytest.approx(float(value), abs=0.006)
    page.locator(".classes button").nth(7).hover()
    expect(page.locator("#unit-title")).to_have_text("The class 7")


def test_the_image_is_nearly_the_one_that_a_reader_sees(open_learn):
    page = open_learn()
    for strokes in (
        SEVEN,
        [[(0.65, 0.2), (0.65, 0.88)], [(0.35, 0.15), (0.25, 0.55), (0.75, 0.55)]],
    ):
        page.locator("#clear").click()
        draw(page, strokes)
        pixels = page.evaluate(
            """[...document.getElementById("image").getContext("2d")
            .getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0)"""
        )
        drawing = inkling.Drawing([[(240 * x, 240 * y) for x, y in stroke] for stroke in strokes])
        expected = np.rint(inkling.to_image(drawing).ravel() * 255)
        gap = np.abs(expected - pixels)
        assert gap.mean() < 4
        assert gap.max() < 110


def open_patches(page):
    """Open the section of the network that looks at patches."""
    page.locator("#patches summary").click()
    expect(page.locator("#stages .best b")).to_have_count(1)


def worked_sum(page):
    """What is added to the strongest value of the chosen map, the sum, and that value."""
    said = page.locator("#map-sum").inner_text().replace("−", "-")
    pattern = r"At row \d+, column \d+: (.*) = (-?[\d.]+); .*after the ReLU ([\d.]+)"
    return re.fullmatch(pattern, said).groups()


def test_the_maps_of_the_network_that_reads(open_learn):
    page, asked = open_learn(), []
    page.on("request", lambda request: asked.append(request.url))
    draw(page, SEVEN)
    assert not any("model.onnx" in url for url in asked)
    open_patches(page)
    expect(page.locator("#stages .best b")).to_have_text("7")
    kernels = [t.dims[0] for t in onnx.load(MODEL).graph.initializer if len(t.dims) == 4]
    expect(page.locator(".maps canvas")).to_have_count(sum(kernels))
    expect(page.locator("figure", has=page.locator(".maps")).nth(1)).to_contain_text(
        "Layer 2: 56 maps of 7 x 7. Each shows where the 24 maps of 14 x 14 before it have one "
        "pattern of 3 x 3. Of 2 x 2 values the largest is kept."
    )
    expect(page.locator("#map")).to_be_hidden()
    page.locator(".maps button").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#map-title")).to_have_text("Layer 1, map 2")
    terms, total, value = worked_sum(page)
    pairs = [[float(number) for number in term.split(" × ")] for term in terms.split(" + ")]
    assert len(pairs) == 9
    assert sum(one * other for one, other in pairs) == pytest.approx(float(total), abs=0.1)
    label = page.locator(".maps button").nth(1).get_attribute("aria-label")
    assert label == f"Map 2: at most {value}"
    page.locator(".maps").nth(2).locator("button").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#map-title")).to_have_text(re.compile(r"^Layer 3, map [1-9]\d$"))
    expect(page.locator("#map-parts tr")).to_have_count(3)
    terms, total, _ = worked_sum(page)
    numbers = re.findall(r"-?\d+\.\d+", terms)
    assert sum(map(float, numbers)) == pytest.approx(float(total), abs=0.03)
    page.locator("#clear").click()
    expect(page.locator("#stages .best")).to_have_count(0)  # it follows what is drawn
    assert len([url for url in asked if url.endswith("api/models/model.onnx")]) == 1


def test_the_maps_from_right_to_left(open_learn):
    page = open_learn(320)
    draw(page, SEVEN)
    open_patches(page)
    page.evaluate("document.documentElement.dir = 'rtl'")
    page.locator(".maps button").first.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#map-title")).to_have_text("Layer 1, map 2")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_network_that_cannot_be_shown_is_said_in_a_line(browser, server):
    answers = {
        r"This network cannot be shown here\. Expected the operators .*, got Gelu\.": {
            "body": graph_of("Gelu").SerializeToString()
        },
        r"This network cannot be shown here\. .* got other bytes\.": {"body": "<p>"},
        r"The network did not load\. .*": {"status": 404},
    }
    with contextlib.closing(browser.new_context()) as context:
        page = context.new_page()
        page.route("**/model.onnx", lambda route, _: route.fulfill(**answers[text]))
        page.goto(f"{server}/learn")
        for text in answers:
            page.locator("#patches summary").click()
            expect(page.locator("#maps-status")).to_have_text(re.compile(f"^{text}$"))
            page.locator("#patches summary").click()
        page.unroute("**/model.onnx")
        page.locator("#patches summary").click()
        expect(page.locator(".maps")).to_have_count(4)
        expect(page.locator("#maps-status")).to_have_text("")


@pytest.mark.parametrize("width", [320, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_everyone_can_use_it(open_learn, width, scheme):
    page = open_learn(width, color_scheme=scheme)
    draw(page, SEVEN)
    open_patches(page)
    page.locator(".maps button").last.focus()
    page.locator(".units button").first.focus()
    page.locator("#step").click()
    page.locator("#step").click()
    page.locator("#check").click()
    expect(page.locator("#checked tbody tr")).to_have_count(8)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert Axe().run(page).response["violations"] == []


def test_the_sample_is_of_the_training_images(server, mnist):
    answer = httpx.get(f"{server}/api/learn/sample", timeout=30)
    rows = np.frombuffer(answer.content, np.uint8).reshape(-1, 785)
    splits = inkling.load_data("mnist")
    assert np.array_equal(rows[:5000, 1:], splits.train.pixels[:5000].reshape(5000, -1))
    assert np.array_equal(rows[5000:, 0], splits.validation.labels[:1000])
    plain = httpx.get(f"{server}/api/learn/sample", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content
    assert len(gzip.compress(plain.content)) < 1_500_000
    assert mnist
