"""The scenes that teach the encoder: what their labels say is what their images show."""

from collections.abc import Iterator

import mujoco
import numpy as np
import pytest

from robot_rl.sim.random_scenes import BOXES, LABELS, RandomScenes
from robot_rl.sim.scene import CAMERAS

SIZE = 96


@pytest.fixture(scope="module")
def scenes() -> Iterator[RandomScenes]:
    made = RandomScenes(SIZE, SIZE)
    yield made
    made.close()


def label(labels: np.ndarray, name: str) -> float:
    return float(labels[LABELS.index(name)])


def test_the_same_generator_draws_the_same_scenes(scenes: RandomScenes) -> None:
    first, second = (scenes.draw(np.random.default_rng(5)) for _ in range(2))
    for camera in CAMERAS:
        assert np.array_equal(first.images[camera], second.images[camera])
        assert np.array_equal(first.labels[camera], second.labels[camera], equal_nan=True)


def test_labels_are_in_the_image_and_absent_where_the_thing_is(scenes: RandomScenes) -> None:
    rng = np.random.default_rng(0)
    drawn = [scenes.draw(rng) for _ in range(30)]
    for labels in (scene.labels[camera] for scene in drawn for camera in CAMERAS):
        known = labels[~np.isnan(labels)]
        assert np.abs(known).max() <= 1.0 + 1e-6
        for name in (*BOXES, "hole", "tip"):
            assert np.isnan(label(labels, f"{name}_u")) == (label(labels, f"{name}_seen") == 0.0)
        for name in (*BOXES, "hole"):
            if label(labels, f"{name}_seen"):
                assert np.hypot(label(labels, f"{name}_cos4"), label(labels, f"{name}_sin4")) == pytest.approx(1.0)
    insertions = sum(not np.isnan(label(scene.labels["side"], "hole_u")) for scene in drawn)
    assert 5 < insertions < 25, "both kinds of scene must come"


def test_a_box_is_at_its_labelled_place(scenes: RandomScenes) -> None:
    """The oracle is MuJoCo's own segmentation: which pixels belong to which body."""
    rng, distances = np.random.default_rng(1), []
    with mujoco.Renderer(scenes.model, SIZE, SIZE) as renderer:
        renderer.enable_segmentation_rendering()
        for _ in range(60):
            labels = scenes.draw(rng).labels["side"]
            renderer.update_scene(scenes.data, camera="side")
            geoms = renderer.render()[..., 0]
            for name in BOXES:
                rows, columns = np.nonzero(geoms == scenes.model.geom(name).id)
                if label(labels, f"{name}_seen") and len(rows) > 60:  # fewer: mostly behind the hand
                    middle = np.array([columns.mean(), rows.mean()])
                    labelled = (np.array([label(labels, f"{name}_u"), label(labels, f"{name}_v")]) + 1) / 2 * (SIZE - 1)
                    distances.append(np.linalg.norm(middle - labelled))
    assert len(distances) > 20
    assert np.median(distances) < 2.0 and np.quantile(distances, 0.9) < 5.0  # pixels; some are half hidden
