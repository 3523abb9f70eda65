"""The network that runs in a page is the one from first principles."""

import json
import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pytest
from conftest import ROOT, missing

from inkling.networks import scratch

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


def in_node(program, argument):
    """What a program prints in JSON, run by node with the page's network as PATH."""
    if shutil.which("node") is None:
        missing("node is not here")
    path = ROOT / "inkling" / "web" / "static" / "network.js"
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
