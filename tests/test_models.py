import pytest
import torch

from inkling.networks import architectures


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("name", "parameters", "multiply_adds"),
    [
        ("mlp", 784 * 128 + 128 + 128 * 10 + 10, 784 * 128 + 128 * 10),
        (
            "cnn",
            9 * 32 + 32 + 9 * 32 * 64 + 64 + 3136 * 128 + 128 + 1280 + 10,
            784 * 9 * 32 + 196 * 9 * 32 * 64 + 3136 * 128 + 1280,
        ),
    ],
)
def test_the_networks_of_the_tutorials_have_their_sizes(name, parameters, multiply_adds):
    model = architectures.build(name, 10, generator())
    assert architectures.count_parameters(model) == parameters
    assert architectures.count_multiply_adds(model) == multiply_adds


def test_the_pretrained_network_is_small():
    assert architectures.count_parameters(architectures.build("digits", 10, generator())) <= 250_000


@pytest.mark.parametrize("name", architectures.MODELS)
def test_weights_depend_on_the_generator_alone(name):
    state = torch.get_rng_state()
    first, again, other = (architectures.build(name, 10, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    tensors = [list(model.state_dict().values()) for model in (first, again, other)]
    assert all(torch.equal(a, b) for a, b in zip(tensors[0], tensors[1], strict=True))
    assert not torch.equal(tensors[0][0], tensors[2][0])
    images = torch.rand(3, 1, 28, 28)
    assert first(images).shape == (3, 10)
    assert first.training


def test_counting_leaves_the_network_unchanged():
    model = architectures.build("digits", 10, generator())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    architectures.count_multiply_adds(model)
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("name", "views"),
    [
        ("none", [lambda x: x]),
        ("flip", [lambda x: x, lambda x: x.flip(3)]),
        (
            "shifts",
            [lambda x: x]
            + [lambda x, a=a, s=s: x.roll(s, a) for a, s in ((2, 1), (2, -1), (3, 1), (3, -1))],
        ),
    ],
)
def test_test_time_augmentation_averages_the_logits_of_all_views(name, views):
    network = architectures.build("sprint", 10, generator()).eval()
    images = torch.zeros(3, 1, 28, 28)
    images[:, :, 3:25, 3:25] = torch.rand(
        3, 1, 22, 22
    )  # no ink at the edge, as roll would wrap it around
    expected = sum(network(view(images)) for view in views) / len(views)
    torch.testing.assert_close(architectures.Averaged(network, name)(images), expected)
