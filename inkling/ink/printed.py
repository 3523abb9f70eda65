"""Takes away what is printed on paper: ruled lines, grids, and boxes around digits.

A printed line is thin, straight, and goes from one edge of the paper to the other. It is followed
through strips of the picture, so that it may lean by a few degrees. What is darker than the line
itself is ink that lies on it, and stays. So does a stroke that crosses it.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from inkling.ink.parts import AROUND, width

STRIPS = 16  # across the picture, through which a line is followed
MIN_STRIPS = 12.5  # in which it is seen; a strip full of ink counts as HIDDEN
HIDDEN = 0.75
LEAN = 0.08  # rows a column, at most: 4.6 degrees
THICKNESS = 1 / 32  # of the picture's height, at most; but always MIN_THICKNESS
MIN_THICKNESS = 8  # pixels
MAX_WAVER = 1.5  # pixels from a smooth curve; a drawn stroke wavers more
ASIDE = 1e-6  # pixels, so that a line between two rows is in the same one always
DARKER = (1.2, 1.3)  # times the contrast of a line, at least; darker pixels are ink on it
MARGIN = 0.9  # of a line's contrast, expected one row further, as a line may waver
FAMILY = 3  # lines of one direction that are ruled paper, whatever their pen
FAINT, THIN = 0.7, 0.6  # of the ink; one or two lines fainter or thinner than it are printed
SIDE = 0.12  # of a box, in which its line lies; a box may lean
ALONG = 0.9  # of a side, over which a box has its line
MIN_INSIDE = 0.3  # of the box's height, of the ink inside

Mask = NDArray[np.bool_]
Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Line:
    """A line from the left edge of a picture to its right edge."""

    rows: NDArray[np.intp]  # (W,): its middle in each column
    profile: Grey  # (2 n + 1,): its contrast from n rows above the middle to n rows below

    @property
    def thickness(self) -> int:
        """In pixels."""
        return int(np.count_nonzero(self.profile))


def without_lines(contrast: Grey, threshold: float, unbroken: float | None = None) -> Grey:
    """The contrast `(H, W)` of ink to its paper, 0 where there are only printed lines.

    From the `threshold` on, a contrast is taken for ink. A line is printed if it leaves the picture
    without meeting ink; or, if `unbroken` is given, if it is seen over this share of its length.
    """
    across, down = lines(contrast, threshold / 4), lines(contrast.T, threshold / 4)
    if unbroken is not None:
        across, down = (
            [line for line in found if _seen(line, part) >= unbroken]
            for found, part in ((across, contrast), (down, contrast.T))
        )
    if not across and not down:
        return contrast
    rest = _rest(contrast, across, down, threshold)
    if unbroken is not None:
        return rest
    ink = rest > threshold
    across, down = _printed(across, rest, ink), _printed(down, rest.T, ink.T)
    return _rest(contrast, across, down, threshold)


def lines(contrast: Grey, faintest: float, thickness: float = THICKNESS) -> list[Line]:
    """The thin lines that go through the whole width of a picture `(H, W)`, as one stroke."""
    height, length = contrast.shape
    wide, thick = length // STRIPS, max(MIN_THICKNESS, round(thickness * height)) | 1
    if wide < 2 or height < thick:
        return []
    strips = contrast[:, : wide * STRIPS].reshape(height, STRIPS, wide).mean(2).T
    broad = scipy.ndimage.grey_opening(strips, (1, thick), mode="constant")
    thin = strips - broad  # what crosses a strip downwards adds to both
    least = max(faintest, 3 * float(np.median(thin)))
    seen = thin > least
    score = np.where(seen, 1, HIDDEN * (broad > least))
    if (score.max(1) > 0).sum() < MIN_STRIPS:
        return []
    lean, beyond = max(1, round(LEAN * wide)), round(LEAN * length / 2)
    outside = [(0, 0), (beyond, beyond)]  # a line may leave the picture at the side
    score = np.pad(score + 0.01 * thin / max(thin.max(), 1), outside, constant_values=HIDDEN)
    thin, seen = np.pad(thin, outside), np.pad(seen, outside)
    found = []
    for path in _paths(score, lean):
        rows = _straight(path, thin, seen, thick, length)
        line = None if rows is None else _line(contrast, rows - beyond, thick)
        if line is not None:
            found.append(line)
    return found


def _seen(line: Line, contrast: Grey) -> float:
    """The share of a line's columns in which it is at least half as strong as its profile."""
    near = line.rows + np.arange(-1, 2)[:, None]
    along = contrast[near.clip(0, len(contrast) - 1), np.arange(len(line.rows))].max(0)
    return float(np.mean(along >= line.profile.max() / 2))


def _paths(score: NDArray[np.float64], lean: int) -> NDArray[np.intp]:
    """The paths `(n, STRIPS)` through the strips `(STRIPS, H)` that see enough of a line.

    From strip to strip, a path goes up or down by `lean` rows at most. No two share a row.
    """
    height = score.shape[1]
    shifts = np.arange(-lean, lean + 1)
    reached, steps = score[0], []
    for here in score[1:]:
        wide = np.pad(reached, lean, constant_values=-np.inf)
        before = np.stack([wide[lean + k : lean + k + height] - 1e-3 * abs(k) for k in shifts])
        best = before.argmax(0)
        steps.append(shifts[best])
        reached = here + before[best, np.arange(height)]
    ends = np.flatnonzero((reached >= MIN_STRIPS) & (score[-1] >= HIDDEN))
    ends = ends[np.argsort(-reached[ends], kind="stable")]
    paths = np.empty((len(ends), len(score)), np.intp)
    paths[:, -1] = ends
    for at in range(len(steps) - 1, -1, -1):
        paths[:, at] = paths[:, at + 1] + steps[at][paths[:, at + 1]]
    paths = paths[score[0, paths[:, 0]] >= HIDDEN]  # it goes from edge to edge
    chosen: list[NDArray[np.intp]] = []
    taken = np.zeros((len(score), height + 2), bool)
    strip = np.arange(len(score))
    for path in paths:
        if not taken[strip, path + 1].any():
            chosen.append(path)
            for k in range(3):
                taken[strip, path + k] = True
    return np.array(chosen, np.intp).reshape(-1, len(score))


def _straight(
    path: NDArray[np.intp], thin: Grey, seen: Mask, thick: int, length: int
) -> NDArray[np.intp] | None:
    """The row of a path in each column `(W,)`, or None if it is not straight where it is seen."""
    strip = np.arange(STRIPS)
    around = np.arange(-(thick // 2), thick // 2 + 1)[:, None]
    near = thin[strip, (path + around).clip(0, thin.shape[1] - 1)] >= thin[strip, path] / 2
    upper, lower = np.split(near, [thick // 2 + 1])  # from the middle up to where it ends
    near = np.concatenate([np.minimum.accumulate(upper[::-1])[::-1], np.minimum.accumulate(lower)])
    rows = path + (around * near).sum(0) / near.sum(0)
    middles, good = (strip + 0.5) / STRIPS, seen[strip, path]
    for _ in range(2):
        if good.sum() < STRIPS / 2:
            return None
        curve = np.polynomial.Polynomial.fit(middles[good], rows[good], 2, domain=[0, 1])
        near = np.abs(curve(middles) - rows) <= MAX_WAVER
        if (good & near).sum() < 0.8 * good.sum():
            return None
        good = good & near
    columns = (np.arange(length) + 0.5) / (length // STRIPS * STRIPS)
    return np.asarray(np.rint(curve(columns) + ASIDE), np.intp)


def _line(contrast: Grey, rows: NDArray[np.intp], thick: int) -> Line | None:
    """The line along these rows, or None if it is thicker than `thick`."""
    around = rows + np.arange(-thick, thick + 1)[:, None]
    inside = (around >= 0) & (around < len(contrast))
    seen = np.where(inside, contrast[around.clip(0, len(contrast) - 1), np.arange(len(rows))], 0)
    profile = np.median(seen, 1)  # ink covers less than half of a line
    middle = thick - 1 + int(profile[thick - 1 : thick + 2].argmax())
    (apart,) = np.nonzero(profile <= 0.2 * profile[middle])
    first = max(apart[apart < middle], default=-1) + 1
    last = min(apart[apart > middle], default=len(profile)) - 1
    if profile[middle] <= 0 or last - first >= thick:
        return None
    profile[:first], profile[last + 1 :] = 0, 0
    return Line(rows, profile.astype(np.float32))


def _rest(contrast: Grey, across: list[Line], down: list[Line], threshold: float) -> Grey:
    """The contrast without these lines."""
    expected = np.hypot(_expected(contrast.shape, across), _expected(contrast.T.shape, down).T)
    on_line = expected > 0
    others = contrast[~on_line & (contrast > threshold)]
    ink = np.quantile(others, 0.5) if len(others) else 0
    alone = on_line & (contrast <= np.clip((expected + ink) / 2, *(k * expected for k in DARKER)))
    strokes = (contrast > threshold) & ~alone
    # Where a stroke no darker than the line crosses it, the line is kept from stroke to stroke
    for found, part, other in ((across, alone, strokes), (down, alone.T, strokes.T)):
        for line in found:
            _cross(line, part, other)
    return np.where(alone, np.float32(0), contrast)


def _expected(shape: tuple[int, ...], found: list[Line]) -> Grey:
    """The contrast `(H, W)` of lines alone. It reaches one row further, as they may waver."""
    sheet = np.zeros(shape, np.float32)
    columns = np.arange(shape[1])
    for line in found:
        margin = scipy.ndimage.maximum_filter1d(line.profile, 3, mode="constant") * MARGIN
        profile = np.maximum(margin, line.profile)
        for at in np.flatnonzero(profile):
            rows = line.rows + at - len(profile) // 2
            inside = (rows >= 0) & (rows < shape[0])
            place = rows[inside], columns[inside]
            sheet[place] = np.maximum(sheet[place], profile[at])
    return sheet


def _cross(line: Line, alone: Mask, ink: Mask) -> None:
    """Mark as not `alone` the parts of a line that have ink right above or below."""
    height, middle = len(ink), len(line.profile) // 2
    (of,) = np.nonzero(line.profile)
    above, below = (
        ink[rows.clip(0, height - 1), np.arange(len(rows))] & (rows >= 0) & (rows < height)
        for rows in (line.rows + of[0] - middle - 2, line.rows + of[-1] - middle + 2)
    )
    slanted = [
        scipy.ndimage.binary_dilation(side, iterations=line.thickness) for side in (above, below)
    ]
    meets = (above & slanted[1]) | (slanted[0] & below)
    for at in range(of[0] - 1, of[-1] + 2):
        rows = line.rows + at - middle
        inside = (rows >= 0) & (rows < height) & meets
        alone[rows[inside], np.flatnonzero(inside)] = False


def _printed(found: list[Line], rest: Grey, ink: Mask) -> list[Line]:
    """Those lines of one direction that are printed, and no strokes of what is written.

    A stroke of a digit, as the bar of a 7, meets another stroke at one end, where a picture is
    cut out tightly. A printed line leaves the picture at both ends alone.
    """
    free = [line for line in found if not _meets(line, ink)]
    if len(free) >= FAMILY:
        return found if 2 * len(free) > len(found) else free
    if not free or not ink.any():
        return []
    border = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])
    fainter = max(line.profile.max() for line in free) < FAINT * np.quantile(rest[ink], 0.9)
    thinner = max(line.thickness for line in free) < THIN * width(ink)
    return free if fainter or thinner or not border.any() else []


def _meets(line: Line, ink: Mask) -> bool:
    """Whether ink that is not the line's reaches one of its ends."""
    wide, near = len(line.rows) // STRIPS, line.thickness + 3
    for end in (np.s_[:wide], np.s_[-wide:]):
        rows = line.rows[end]
        part = ink[max(rows.min() - near, 0) : max(rows.max() + near + 1, 0), end]
        if part.any(0).sum() > wide / 4:
            return True
    return False


def without_boxes(contrast: Grey, threshold: float, touched: bool = False) -> Grey:
    """The contrast `(H, W)` without boxes that are drawn around other ink. A box alone stays.

    Ink that touches its box stays where there is no other; if `touched`, wherever it does.
    """
    faint = contrast > threshold / 2
    labels, _ = scipy.ndimage.label(faint, AROUND)
    for label, place in enumerate(scipy.ndimage.find_objects(labels), 1):
        part = labels[place] == label
        if not _is_box(part, place, faint.shape):
            continue
        seen = contrast[place]
        others = np.where(scipy.ndimage.binary_dilation(part, AROUND), np.float32(0), seen)
        if touched or not _is_much(others > threshold):  # the digit touches its box
            alone = np.where(part, seen, np.float32(0))
            across, down = (lines(each, threshold / 4, 2 * THICKNESS) for each in (alone, alone.T))
            rest = _rest(seen, across, down, threshold)
            if not _is_much(others > threshold) or _is_much((rest > threshold) & part):
                others = rest
        if _is_much(others > threshold):
            contrast = contrast.copy()
            contrast[place] = others
    return contrast


def _is_box(part: Mask, place: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    """Whether a component has lines along three sides of its place, and along the fourth or there
    the edge of the picture.
    """
    height, length = part.shape
    if min(height, length) < 2 * MIN_THICKNESS or part.mean() > 0.4:
        return False
    down, across = max(1, round(SIDE * height)), max(1, round(SIDE * length))
    sides = (part[:down].any(0), part[-down:].any(0), part[:, :across].any(1),
             part[:, -across:].any(1))  # fmt: skip
    lined = [side.mean() >= ALONG for side in sides]
    at_edge = (place[0].start == 0, place[0].stop == shape[0], place[1].start == 0,
               place[1].stop == shape[1])  # fmt: skip
    return sum(lined) >= 3 and all(np.logical_or(lined, at_edge)) and not all(at_edge)


def _is_much(inside: Mask) -> bool:
    """Whether a stroke inside a box is more than a mark."""
    strokes = scipy.ndimage.find_objects(scipy.ndimage.label(inside, AROUND)[0])
    high = max((rows.stop - rows.start for rows, _ in strokes), default=0)
    return high >= MIN_INSIDE * len(inside)
