"""Line crops: writing set along a curve comes back straight, at the right place and size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_core.ground import even_out, local_ground, normalise_height
from ocr_core.layout.crops import crop_lines, rectify_line
from ocr_core.layout.extents import Extents, fit_extents, guessed_baseline, line_extents, page_extents
from ocr_core.records import Line


def _page(curve: np.ndarray, ascent: int = 40, descent: int = 16) -> np.ndarray:
    """A grey page with upright strokes every 30 pixels that stand on a curve, and a dot below each second one."""
    page = np.full((400, 900), 220, np.uint8)
    for number, (x, y) in enumerate(curve[::30]):
        cv2.line(page, (int(x), round(y)), (int(x), round(y - ascent)), 40, 3)
        if number % 2:
            cv2.line(page, (int(x), round(y + descent)), (int(x), round(y + descent - 4)), 40, 3)
    return page


def _curve(kind: str) -> np.ndarray:
    x = np.arange(60.0, 841.0)
    middle = x - 450
    y = {"level": 0 * x, "slope": 0.12 * middle, "arc": 0.0002 * middle**2, "wave": 12 * np.sin(x / 130)}[
        kind
    ]
    return np.column_stack([x, 200 + y])


def _outline(curve: np.ndarray, ascent: float = 44, descent: float = 20) -> np.ndarray:
    part = curve[:: len(curve) // 20]
    return np.vstack([part - (0, ascent), (part + (0, descent))[::-1]])


@pytest.mark.parametrize("kind", ["level", "slope", "arc", "wave"])
def test_the_foot_of_every_stroke_comes_to_the_baseline(kind: str) -> None:
    curve = _curve(kind)
    strip = rectify_line(_page(curve), curve[::20], _outline(curve))
    ink = strip.image < 130
    columns = np.flatnonzero(ink.any(axis=0))
    strokes = np.split(columns, np.flatnonzero(np.diff(columns) > 8) + 1)
    assert len(strokes) == 27
    base = round(strip.baseline_y)
    for stroke in strokes[1:-1]:
        rows = np.flatnonzero(ink[: base + 8, stroke].any(axis=1))
        assert rows.max() == pytest.approx(base, abs=3)
        assert rows.max() - rows.min() == pytest.approx(40, abs=4)


def test_strip_height_follows_the_outline() -> None:
    curve = _curve("level")
    extents = line_extents(curve[::20], _outline(curve))
    assert extents.ascent == pytest.approx(44, abs=1)
    assert extents.descent == pytest.approx(20, abs=1)
    strip = rectify_line(_page(curve), curve[::20], _outline(curve))
    assert strip.image.shape[0] == round(extents.height)
    assert strip.image.shape[1] == pytest.approx(780, abs=4)


def test_a_baseline_from_right_to_left_is_cut_the_same() -> None:
    curve = _curve("arc")
    page, outline = _page(curve), _outline(curve)
    one, other = (rectify_line(page, b, outline) for b in (curve[::20], curve[::20][::-1]))
    np.testing.assert_array_equal(one.image, other.image)


def test_a_line_that_lies_on_its_head_is_set_on_its_feet() -> None:
    curve = _curve("level")
    page, outline = _page(curve), _outline(curve)
    turned = page[::-1, ::-1].copy()
    around = np.array([page.shape[1] - 1, page.shape[0] - 1])
    strip = rectify_line(page, curve[::20], outline)
    again = rectify_line(turned, around - curve[::20], around - outline, turn=False)
    assert again.image.shape == strip.image.shape
    assert float(np.abs(again.image.astype(int) - strip.image).mean()) < 3


def test_ink_outside_the_outline_fades() -> None:
    curve = _curve("level")
    page = _page(curve)
    for x in range(300, 421, 20):  # a neighbour's descenders, above the outline's dent
        cv2.line(page, (x, 130), (x, 150), 40, 3)
    outline = np.array(
        [(60, 156), (280, 156), (281, 175), (440, 175), (441, 156), (840, 156), (840, 220), (60, 220)]
    )
    strip = rectify_line(page, curve[::20], outline.astype(float), extents=Extents(60, 20))
    region = strip.faded()[:15, 260:340]
    assert int(strip.image[:15, 260:340].min()) < 60
    assert int(region.min()) > 190


def test_light_writing_on_a_dark_ground_is_cut_as_dark_on_light() -> None:
    curve = _curve("level")
    page = _page(curve)
    straight = rectify_line(page, curve[::20], _outline(curve))
    turned = rectify_line(np.asarray(255 - page, np.uint8), curve[::20], _outline(curve))
    assert np.array_equal(turned.image, straight.image)
    assert float(np.median(turned.faded())) > 180


def test_a_dark_edge_and_a_bar_leave_a_strip_as_it_is() -> None:
    curve = _curve("level")
    page = _page(curve)
    page[150:175] = 20  # a rule as thick as a third of the strip
    page[:, :200] = 20  # and the dark beside the sheet
    strip = rectify_line(page, curve[::20], _outline(curve))
    assert float(np.median(strip.image[-20:, 300:])) > 180


def test_affine_leads_from_the_strip_back_to_the_page() -> None:
    curve = _curve("slope")
    strip = rectify_line(_page(curve), curve[::20], _outline(curve))
    for column in (0, strip.image.shape[1] // 2):
        x, y = strip.to_page @ (column, strip.baseline_y - 0.5, 1)
        assert (x, y) == pytest.approx(tuple(strip.points[column]), abs=1.5)


def test_on_a_straight_line_the_affine_leads_to_the_very_pixels() -> None:
    page = np.random.default_rng(3).integers(0, 256, (120, 400), np.uint8)
    strip = rectify_line(page, np.array([(20.0, 70), (380, 70)]), extents=Extents(30.0, 10.0))
    columns, rows = np.meshgrid(np.arange(5, 340), np.arange(strip.image.shape[0]))
    there = strip.to_page @ np.stack([columns.ravel(), rows.ravel(), np.ones(columns.size)])
    seen = cv2.remap(page, *there.astype(np.float32)[:, None], cv2.INTER_LINEAR).ravel()
    cut = strip.image[rows.ravel(), columns.ravel()]
    assert np.abs(seen.astype(int) - cut).max() <= 8  # OpenCV interpolates in steps of 1/32 of a pixel


def test_usual_extents_stand_in_for_missing_and_thin_outlines() -> None:
    lines = []
    for row in range(6):
        base = np.array([(50.0, 100.0 + 90 * row), (700.0, 100.0 + 90 * row)])
        lines.append(
            (base, _outline(np.column_stack([np.linspace(50, 700, 40), np.full(40, base[0, 1])]), 50, 22))
        )
    lines[3] = (
        lines[3][0],
        np.array([(50, 358), (700, 358), (700, 370), (50, 370)], float),
    )  # 12 pixels high
    usual = page_extents(lines)
    assert usual.ascent == pytest.approx(50, abs=1)
    assert fit_extents(line_extents(*lines[3]), usual) == usual
    assert fit_extents(None, usual) == usual
    own = line_extents(*lines[0])
    assert fit_extents(own, usual).ascent == pytest.approx(own.ascent, rel=0.02)


def test_the_distance_between_lines_stands_in_where_all_outlines_are_thin() -> None:
    lines = []
    for row in range(6):
        y = 100.0 + 80 * row
        lines.append(
            (np.array([(50.0, y), (700.0, y)]), np.array([(50, y - 15), (700, y - 15), (700, y), (50, y)]))
        )
    usual = page_extents(lines)
    assert 40 < usual.ascent < 60
    assert usual.ascent + usual.descent < 80


def test_a_page_on_its_side_has_the_same_usual_extents() -> None:
    lines = []
    for row in range(6):
        y = 100.0 + 80 * row
        lines.append(
            (np.array([(50.0, y), (700.0, y)]), np.array([(50, y - 15), (700, y - 15), (700, y), (50, y)]))
        )
    side = [(np.column_stack([-b[:, 1], b[:, 0]]), np.column_stack([-p[:, 1], p[:, 0]])) for b, p in lines]
    assert page_extents(side).ascent == pytest.approx(page_extents(lines).ascent)


@pytest.mark.parametrize("kind", ["level", "slope"])
def test_a_line_with_an_outline_only_gets_a_baseline_along_it(kind: str) -> None:
    curve = _curve(kind)
    left, right = guessed_baseline(_outline(curve, ascent=42, descent=18))  # 0.7 and 0.3 of its height
    assert left == pytest.approx(curve[0], abs=3)
    assert right == pytest.approx(curve[-1], abs=3)
    assert left[1] - right[1] == pytest.approx(curve[0, 1] - curve[-1, 1], abs=3)


@pytest.mark.parametrize("outline", [[(5, 5)], [(5, 5), (5, 5), (5, 5)], [(5, 5), (5, 95), (5, 50)]])
def test_a_guessed_baseline_has_a_length(outline: list[tuple[int, int]]) -> None:
    (x0, y0), (x1, y1) = guessed_baseline(np.array(outline, dtype=np.float64))
    assert x1 - x0 >= 2
    assert y0 == pytest.approx(y1)
    assert min(y for _, y in outline) <= y0 <= max(y for _, y in outline)


def test_crops_of_a_page_keep_count_order_and_ids() -> None:
    curve = _curve("level")
    outline = tuple((int(x), int(y)) for x, y in _outline(curve))
    lines = [
        Line("p-00001-0000", 0, outline, tuple((int(x), int(y)) for x, y in curve[::60])),
        Line("p-00001-0001", 1, outline, ((100, 200),)),  # a baseline that is only a point
    ]
    images = crop_lines(_page(curve), lines)
    assert [i.line_id for i in images] == ["p-00001-0000", "p-00001-0001"]
    assert all(i.pixels.ndim == 2 and min(i.pixels.shape) > 20 for i in images)
    assert crop_lines(_page(curve), []) == []


def test_large_small_letters_get_room() -> None:
    """Typescript, whose capitals are hardly higher than its small letters, is cut with more ground around it."""
    page = np.full((600, 900), 240, np.uint8)
    lines = []
    for i, y in enumerate(range(100, 500, 80)):
        for x in range(60, 840, 14):
            page[y - 30 : y, x : x + 6] = 20
        outline = ((55, y - 36), (845, y - 36), (845, y + 4), (55, y + 4))
        lines.append(Line(f"p-00001-{i:04d}", i, outline, ((60, y), (840, y))))
    for image in crop_lines(page, lines):
        rows = np.flatnonzero(image.pixels.min(axis=1) < 100)
        assert 0.25 < len(rows) / len(image.pixels) < 0.4  # cut close, 30 of 40 pixels would be letters
        assert rows[-1] == pytest.approx(image.baseline_y, abs=3)


@pytest.mark.parametrize("baseline", [np.zeros((1, 2)), np.ones((3, 2))])
def test_a_baseline_without_length_is_refused(baseline: np.ndarray) -> None:
    with pytest.raises(ValueError, match="at least two"):
        rectify_line(np.zeros((50, 50), np.uint8), baseline, extents=Extents(10, 5))


def test_normalising_undoes_shade_and_faint_ink() -> None:
    strip = np.full((80, 600), 1.0)
    strip[30:60, 40:560:25] = 0.55
    shade = np.linspace(140, 230, 600)[None]
    even = normalise_height((strip * shade).astype(np.uint8), 40)
    assert even.shape == (40, 300)
    assert np.median(even) == 255
    assert int(even.min()) < 30


def test_an_empty_strip_stays_empty() -> None:
    rng = np.random.default_rng(0)
    strip = np.clip(200 + rng.normal(0, 3, (60, 400)), 0, 255).astype(np.uint8)
    assert float(even_out(strip).mean()) > 225
    assert local_ground(strip).shape == strip.shape
