import hypothesis
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from inkling.augmentation import warp
from inkling.experiments import recipes
from inkling.experiments.recipe import Augmentation

DIGITS = recipes.get("digits").augmentation


def batch(n=8, seed=0):
    """Smooth blobs away from the border `(n, 1, 28, 28)`."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.random((n, 14, 14)), (0, 2, 2))
    return torch.tensor(np.pad(noise, ((0, 0), (7, 7), (7, 7)))[:, None], dtype=torch.float32)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_settings_without_augmentation_change_nothing():
    images = batch()
    assert warp.augment(images, Augmentation(), generator()) is images


def test_the_same_seed_gives_the_same_batch_and_leaves_the_input_unchanged():
    images = batch()
    before = images.clone()
    first, again, other = (warp.augment(images, DIGITS, generator(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(images, before)
    assert first.shape == images.shape
    assert 0 <= first.min() <= first.max() <= 1


def test_each_image_of_a_batch_is_augmented_differently():
    images = batch(1).repeat(8, 1, 1, 1)
    varied = warp.augment(images, DIGITS, generator())
    assert len({tuple(image.flatten().tolist()) for image in varied}) == 8


def test_a_warp_by_nothing_is_the_identity():
    torch.testing.assert_close(warp.warp(batch(), 0, 0, 0, 0, generator()), batch())


@hypothesis.settings(max_examples=25)
@given(st.floats(0, 3), st.floats(0, 30), st.floats(0, 0.3), st.floats(0, 0.3), st.integers(0, 99))
def test_warp_is_scipys_affine_transform(shift, rotation, scale, shear, seed):
    images = batch(3)
    warped = warp.warp(images, shift, rotation, scale, shear, generator(seed))
    drawn = torch.rand(6, 3, generator=generator(seed)) * 2 - 1
    for image, result, (angle, slant, across, down, right, below) in zip(
        images, warped, drawn.T.tolist(), strict=True
    ):
        angle = np.radians(angle * rotation)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = turn @ np.diag([1 + across * scale, 1 + down * scale])
        matrix[0, 1] += slant * shear
        move = np.array([right, below]) * shift
        centre = np.array([13.5, 13.5])
        matrix, move = matrix[::-1, ::-1], move[::-1]  # scipy counts rows first
        expected = ndimage.affine_transform(
            image[0].numpy(), matrix, centre - matrix @ centre + move, order=1
        )
        np.testing.assert_allclose(result[0].numpy(), expected, atol=1e-4)


@given(st.integers(0, 99))
def test_strokes_are_blended_with_their_dilation_or_erosion(seed):
    images = batch(16)
    varied = warp.vary_stroke(images, 1.0, generator(seed))
    amount = (torch.rand(1, 16, generator=generator(seed)) * 2 - 1).view(16, 1, 1, 1)
    wide, thin = F.max_pool2d(images, 3, 1, 1), -F.max_pool2d(-images, 3, 1, 1)
    expected = torch.where(
        amount > 0, images + amount * (wide - images), images + amount * (images - thin)
    )
    torch.testing.assert_close(varied, expected)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_of_flipped_images_is_that_of_the_settings(share):
    images = batch(1).repeat(1000, 1, 1, 1)
    flipped = warp.augment(images, Augmentation(flip=share), generator())
    count = (flipped == images.flip(-1)).all(-1).all(-1).sum().item()
    assert abs(count - 1000 * share) <= (0 if share != 0.5 else 60)


@given(st.integers(1, 28), st.integers(0, 99))
def test_one_rectangle_of_at_most_the_given_size_is_erased(size, seed):
    images = torch.full((32, 1, 28, 28), 2.0)  # lighter than any noise
    settings = Augmentation(max_erase_pixels=size)
    erased = warp.augment(images, settings, generator(seed))[:, 0] != 2
    rows, columns = erased.any(2), erased.any(1)
    assert torch.equal(erased, rows[:, :, None] & columns[:, None, :])
    for lines in (rows, columns):
        assert 1 <= lines.sum(1).max() <= size
        steps = lines.to(torch.int8).diff(
            dim=1, prepend=torch.zeros(32, 1), append=torch.zeros(32, 1)
        )
        assert (steps == 1).sum(1).max() == 1
    noise = warp.augment(images, settings, generator(seed))[:, 0][erased]
    assert 0 <= noise.min() <= noise.max() < 1


@given(st.floats(0.1, 1), st.integers(0, 99))
def test_an_elastic_deformation_shifts_by_a_grid_of_random_numbers(pixels, seed):
    ramp = torch.arange(29.0).expand(2, 1, 29, 29)  # each pixel says where it comes from
    drawn = generator(seed)
    torch.rand(6, 2, generator=drawn)  # of the affine map
    shifts = torch.randn(2, 2, 5, 5, generator=drawn)[..., 1:4, 1:4] * pixels
    for axis, image in enumerate((ramp, ramp.mT)):
        moved = warp.warp(image, 0, 0, 0, 0, generator(seed), pixels) - image
        knots = moved[:, 0, 7:22:7, 7:22:7]  # where nothing is interpolated
        torch.testing.assert_close(knots, shifts[:, axis], atol=1e-4, rtol=1e-4)


def test_who_is_flipped_may_be_given():
    images, first = batch(4), torch.tensor([True, False, False, False])
    flipped = warp.augment(images, Augmentation(flip=1.0), generator(), first)
    assert torch.equal(flipped[0], images[0].flip(-1))
    assert torch.equal(flipped[1:], images[1:])


def test_rectangles_are_erased_all_over_the_image():
    images = torch.full((500, 1, 28, 28), 2.0)
    erased = warp.augment(images, Augmentation(max_erase_pixels=6), generator())[:, 0] != 2
    share = erased.float().mean(0)
    quarters = [share[rows, columns].mean() for rows in EACH_HALF for columns in EACH_HALF]
    assert max(quarters) < 1.5 * min(quarters)


EACH_HALF = slice(14), slice(14, None)
