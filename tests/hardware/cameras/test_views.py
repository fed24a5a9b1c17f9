"""Images are cropped and resized without being distorted, shifted or mixed; old ones are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.core.errors import ConfigError, DeviceLostError, StaleObservationError
from robot_rl.hardware.cameras.camera import Intrinsics
from robot_rl.hardware.cameras.views import Crop, View, apply, apply_depth, apply_intrinsics, check_age

D435_COLOR = Intrinsics(480, 640, 615.0, 614.0, 322.5, 241.5)
MS = 1_000_000
sides = st.integers(4, 60)


@st.composite
def views_and_images(draw: st.DrawFn) -> tuple[View, np.ndarray]:
    height, width = draw(sides), draw(sides)
    left, top = draw(st.integers(0, width - 2)), draw(st.integers(0, height - 2))
    crop = Crop(left, top, draw(st.integers(1, width - left)), draw(st.integers(1, height - top)))
    view = View(draw(st.one_of(st.none(), st.just(crop))), draw(st.one_of(st.none(), st.tuples(sides, sides))))
    return view, np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (height, width, 3), np.uint8)


@given(views_and_images())
def test_view_has_its_shape_and_its_own_memory(case: tuple[View, np.ndarray]) -> None:
    view, image = case
    seen = apply(view, image)
    assert seen.shape == (*view.shape(*image.shape[:2]), 3) and seen.dtype == np.uint8
    assert seen.flags.c_contiguous and not np.shares_memory(seen, image)


@given(views_and_images())
def test_images_outside_the_crop_do_not_matter(case: tuple[View, np.ndarray]) -> None:
    view, image = case
    window = view.window(*image.shape[:2])
    inside = (slice(window.top, window.top + window.height), slice(window.left, window.left + window.width))
    other = 255 - image
    other[inside] = image[inside]
    np.testing.assert_array_equal(apply(view, other), apply(view, image))


def test_shrinking_averages_by_area() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    exact = image[:, 16:80].reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    assert np.abs(apply(View(size=(16, 16)), image) - exact).max() <= 0.51


def test_without_a_crop_the_middle_is_taken_undistorted() -> None:
    assert View(size=(128, 128)).window(480, 640) == Crop(80, 0, 480, 480)
    assert View(size=(90, 160)).window(480, 640) == Crop(0, 60, 640, 360)
    assert View(size=None).window(480, 640) == Crop(0, 0, 640, 480)


@given(views_and_images())
def test_depth_is_never_mixed_from_two_surfaces(case: tuple[View, np.ndarray]) -> None:
    view, image = case
    depth = np.where(image[..., 0] > 127, 400, 900).astype(np.uint16)
    seen = apply_depth(view, depth)
    assert seen.dtype == np.uint16 and set(np.unique(seen)) <= {400, 900}


@given(st.integers(1, 9), st.integers(2, 5), st.integers(0, 20), st.integers(0, 20))
def test_intrinsics_follow_the_image(tile: int, shrink: int, left: int, top: int) -> None:
    """A spot of `shrink` x `shrink` pixels becomes one pixel: there the new intrinsics must put the spot's middle."""
    view = View(Crop(left, top, 30 * shrink, 20 * shrink), (20, 30))
    image = np.zeros((480, 640, 3), np.uint8)
    u, v = left + tile * shrink, top + tile * shrink
    image[v : v + shrink, u : u + shrink] = 255
    row, column = (int(i) for i in np.argwhere(apply(view, image)[..., 0] == 255)[0])
    middle = (
        (u + (shrink - 1) / 2 - D435_COLOR.cx) / D435_COLOR.fx,
        (v + (shrink - 1) / 2 - D435_COLOR.cy) / D435_COLOR.fy,
    )
    seen = apply_intrinsics(view, D435_COLOR)
    assert (seen.height, seen.width) == (20, 30)
    assert seen.fx * middle[0] + seen.cx == pytest.approx(column, abs=1e-9)
    assert seen.fy * middle[1] + seen.cy == pytest.approx(row, abs=1e-9)


@pytest.mark.parametrize("crop", [Crop(600, 0, 41, 10), Crop(0, 400, 10, 81)])
def test_crop_beyond_the_image_is_refused_with_its_size(crop: Crop) -> None:
    with pytest.raises(ConfigError, match=r"640 x 480 image; choose it with `robot-rl look`"):
        View(crop).window(480, 640)


def test_impossible_settings_are_refused_where_they_are_written() -> None:
    with pytest.raises(ConfigError, match=r"width: got 0, expected 1 or more"):
        Crop(0, 0, 0, 5)
    with pytest.raises(ConfigError, match="size: got"):
        View(size=(0, 128))


@pytest.mark.parametrize("age_ms", [-20, 0, 200])
def test_images_within_the_bound_pass(age_ms: int) -> None:
    check_age("wrist", 1000 * MS - age_ms * MS, 1000 * MS, 0.2)


@pytest.mark.parametrize("age_ms", [-21, 201, 60_000])
def test_old_images_and_those_of_another_clock_are_refused(age_ms: int) -> None:
    with pytest.raises(StaleObservationError, match=r"wrist: got an image .* s old, expected at most 0\.2 s") as error:
        check_age("wrist", 1000 * MS - age_ms * MS, 1000 * MS, 0.2)
    assert isinstance(error.value, DeviceLostError)
