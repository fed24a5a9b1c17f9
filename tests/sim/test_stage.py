"""The scene for videos: it shows the simulation's state and leaves no trace in it or in the policy's images."""

from collections import Counter

import mujoco
import numpy as np
import pytest

from robot_rl.envs.simulated import make_simulated_env
from robot_rl.sim.meshes import Surface, round_box, tube
from robot_rl.sim.scene import VARIED_APPEARANCE
from robot_rl.sim.simulation import Simulation
from robot_rl.sim.stage import TUBES, StageRenderer
from robot_rl.tasks import find_task

TASKS = ("pick-lift", "peg-insert")


@pytest.mark.parametrize("appearance", ["fixed", "varied"])
@pytest.mark.parametrize("task", TASKS)
def test_videos_change_no_bit_of_what_the_policy_sees(task: str, appearance: str) -> None:
    def play(render_mode: str | None) -> list[dict[str, np.ndarray]]:
        env = make_simulated_env(task, appearance=appearance, render_mode=render_mode)
        rng = np.random.default_rng(1)
        seen = [env.reset(seed=5)[0]]
        for _ in range(4):
            if render_mode:
                env.render()
            seen.append(env.step(rng.uniform(-1, 1, 7).astype(np.float32))[0])
        env.close()
        return seen

    for alone, watched in zip(play(None), play("rgb_array"), strict=True):
        assert alone.keys() == watched.keys()
        for name, entry in alone.items():
            np.testing.assert_array_equal(entry, watched[name], err_msg=name)


@pytest.mark.parametrize("task", TASKS)
def test_every_body_stands_where_the_simulation_has_it(task: str) -> None:
    simulation = Simulation(find_task(task), VARIED_APPEARANCE)
    stage = StageRenderer(simulation, 60, 80)
    for seed in (1, 2):
        simulation.reset(np.random.default_rng(seed))
        simulation.advance(0.2)
        stage.render(simulation.data)
        mujoco.mj_kinematics(simulation.model, simulation.data)  # of these joint positions
        for number in range(simulation.model.nbody):
            name = simulation.model.body(number).name
            np.testing.assert_allclose(stage.data.body(name).xpos, simulation.data.xpos[number], atol=1e-6)
            np.testing.assert_allclose(stage.data.body(name).xquat, simulation.data.xquat[number], atol=1e-5)
    geom = "cube" if task == "pick-lift" else "peg"
    assert np.array_equal(stage.data.model.geom(geom).rgba, simulation.model.geom(geom).rgba)
    stage.close()


def test_image_is_bright_coloured_and_has_shadows() -> None:
    simulation = Simulation(find_task("pick-lift"))
    simulation.reset(np.random.default_rng(0))
    stage = StageRenderer(simulation, 120, 160)
    image = stage.render(simulation.data).astype(int)
    stage.close()
    red = (image[..., 0] > 120) & (image[..., 1] < 80)
    white, dark = (image.min(axis=2) > 215).sum(), (image.max(axis=2) < 75).sum()
    assert red.sum() > 20 and white > 300 and dark > 100


@pytest.mark.parametrize("link", TUBES)
def test_tubes_are_closed_and_turned_outwards(link: str) -> None:
    check_closed(tube(*TUBES[link]))


def test_round_box_fills_most_of_its_box() -> None:
    surface = round_box((0.02, 0.1, 0.03), 0.35)
    check_closed(surface)
    np.testing.assert_allclose(np.abs(surface.vertices).max(axis=0), (0.02, 0.1, 0.03), rtol=0.02)
    assert 0.8 < volume(surface) / (8 * 0.02 * 0.1 * 0.03) < 1.0


def check_closed(surface: Surface) -> None:
    """Check that each edge has a face at both sides, in opposite directions, and that the inside is inside."""
    edges = Counter((int(a), int(b)) for face in surface.faces for a, b in zip(face, np.roll(face, -1), strict=True))
    assert set(edges.values()) == {1} and all((b, a) in edges for a, b in edges)
    assert volume(surface) > 0


def volume(surface: Surface) -> float:
    a, b, c = (surface.vertices[surface.faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)
