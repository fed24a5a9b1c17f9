"""The simulator's motion under its present settings is pinned: experiments compare runs across versions of the law.

A change of the law that moves this path changes what every policy was trained on. Such a feature stays off in
`workspace_gains` until a decision switches it on; then `pick_lift_path.txt` is written anew by running this file.
"""

from pathlib import Path

import numpy as np

from robot_rl.core.pose import Pose, gripper_down
from robot_rl.sim.simulation import Simulation
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from robot_rl.tasks.pick_lift import cube_yaw

GOLDEN = Path(__file__).with_name("pick_lift_path.txt")
STEPS, SAMPLES_PER_STEP = 20, 5  # 20 control steps of 100 ms: 1000 ticks, one sample each 10


def joint_path() -> np.ndarray:
    """q (T, 7) while the arm goes down to the cube, closes on it and lifts it."""
    simulation = Simulation(PICK_LIFT)
    simulation.reset(np.random.default_rng(11))
    grasp = gripper_down(simulation.data.body("cube").xpos + np.array([0.0, 0.0, 0.01]), cube_yaw(simulation.data))
    p, path = simulation.T_base_tcp.p, []
    for step in range(STEPS):
        goal = grasp.p if step < 15 else grasp.p + np.array([0.0, 0.0, 0.1])
        p = p + np.clip(goal - p, -0.03, 0.03)
        simulation.set_target(Pose(p, grasp.R))
        simulation.set_finger(0.0 if step >= 12 else 0.04)
        for _ in range(SAMPLES_PER_STEP):
            simulation.advance(0.02)
            path.append(simulation.loop.state.q.copy())
    assert simulation.data.body("cube").xpos[2] > 0.06, "the path shall include a lift"
    return np.array(path)


def test_the_simulated_arm_moves_as_it_did() -> None:
    np.testing.assert_allclose(joint_path(), np.loadtxt(GOLDEN), rtol=0.0, atol=1e-9)


if __name__ == "__main__":
    np.savetxt(GOLDEN, joint_path(), fmt="%.17g")
