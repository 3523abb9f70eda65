import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inkling.augmentation import corruptions
from inkling.ink import SIDE


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def strokes(n=24, seed=0):
    """Crosses `(n, 1, 28, 28)`, with strokes three pixels wide, away from the border."""
    images = torch.zeros(n, 1, SIDE, SIDE)
    places = torch.randint(9, 18, (n, 2), generator=generator(seed)).tolist()
    for image, (row, column) in zip(images, places, strict=True):
        image[0, row : row + 3, 5:23] = 1
        image[0, 5:23, column : column + 3] = 1
    return images


@pytest.mark.parametrize("effect", corruptions.EFFECTS)
@settings(max_examples=10)
@given(seed=st.integers(0, 999), n=st.integers(1, 5))
def test_an_effect_depends_on_its_generator_alone_and_gives_images_in_range(effect, seed, n):
    images = strokes(n, seed)
    before = images.clone()
    first, again = (effect(images, generator(seed)) for _ in range(2))
    assert first.shape == images.shape
    assert first.dtype == torch.float32
    assert 0 <= first.min() <= first.max() <= 1 + 1e-5
    assert torch.equal(first, again)
    assert torch.equal(images, before)


@pytest.mark.parametrize("effect", corruptions.EFFECTS)
def test_each_image_of_a_batch_is_changed_differently(effect):
    changed = effect(strokes(1).repeat(12, 1, 1, 1), generator())
    assert len({tuple(image.flatten().tolist()) for image in changed}) >= 10 or (
        effect in (corruptions.coarse, corruptions.doubled) and len(changed.unique(dim=0)) >= 3
    )


def test_each_effect_changes_strokes_as_described():
    images = strokes(200)
    ink = images.sum()
    held = {effect.__name__: effect(images, generator()) for effect in corruptions.EFFECTS}
    assert (held["broken"] <= images).all()
    assert 0.6 * ink < held["broken"].sum() < 0.98 * ink
    assert (held["crossed"] >= images).all()
    assert held["crossed"].sum() > 1.05 * ink
    assert held["blur"].sum() == pytest.approx(float(ink), rel=0.05)  # spread, not lost
    assert held["blur"].amax((1, 2, 3)).mean() < 0.98
    negative = (held["negative"] == 1 - images) & (images != 0.5)
    assert 0.1 < negative.float().mean() < 0.6
    assert held["light"].amin((1, 2, 3)).mean() > 0.05
    assert (held["noise"] != images).flatten(1).any(1).float().mean() > 0.95
    shades = held["coarse"].flatten(1)
    assert all(len(row.unique()) <= 28 * 28 for row in shades)


@given(st.integers(1, 100), st.floats(0, 1), st.integers(0, 99))
@settings(max_examples=20)
def test_the_given_share_of_a_batch_is_corrupted(n, share, seed):
    images = strokes(n)
    corrupted = corruptions.corrupt(images, share, generator(seed))
    changed = (corrupted != images).flatten(1).any(1).sum()
    assert 0.5 * round(share * n) - 3 <= changed <= round(share * n)
    assert corrupted.shape == images.shape


def test_a_framed_image_lies_in_the_box_of_a_digit():
    framed = corruptions._framed(torch.ones(2, 1, SIDE, SIDE))
    assert framed[:, :, 4:-4, 4:-4].min() == 1
    assert framed.sum() == 2 * 20 * 20


def test_a_digit_cut_out_of_a_line_gains_or_loses_ink_at_one_side_only():
    images = strokes(200)
    changed = corruptions.cut_out(images, generator()) - images
    gained, lost = ((part > 0.5).any(2).any(1) for part in (changed, -changed))  # (N, 28)
    assert gained.any(1).float().mean() > 0.3
    assert lost.any(1).float().mean() > 0.2
    assert not (gained.any(1) & lost.any(1)).any()
    for columns in (gained, lost):
        assert not columns[:, 13:15].any()
        assert not (columns[:, :14].any(1) & columns[:, 14:].any(1)).any()
