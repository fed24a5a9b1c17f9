"""A 7-joint arm with the Panda's kinematics and inertia in MuJoCo, and a rig that closes the loop around it.

Source of the numbers: the URDF of example-robot-data. Armature 0.1 kg m^2 in each joint.
"""

import copy
import functools

import mujoco
import numpy as np

from controllers.arm import ArmDynamics, ArmLimits, ArmState, Reason, Target
from controllers.arms.spec import arm_limits
from controllers.geometry import quat_from_matrix
from controllers.law.gains import Gains
from controllers.law.tick import ControlLoop, make_controller_state, tick

HOME = np.array([0.0, -np.pi / 4, 0.0, -3 * np.pi / 4, 0.0, np.pi / 2, np.pi / 4])
DT_S = 0.001

# joint origin (xyz, rotation about x), mass, centre of mass, inertia (xx yy zz xy xz yz)
LINKS = [
    ("0 0 .333", 0, 4.970684, "0.003875 0.002081 -0.04762", ".70337 .70661 .009117 -.000139 .006772 .019169"),
    ("0 0 0", -1, 0.646926, "-0.003141 -0.02872 0.003495", ".007962 .02811 .025995 -.003925 .010254 .000704"),
    ("0 -.316 0", 1, 3.228604, "0.027518 0.039252 -0.066502", ".037242 .036155 .01083 -.004761 -.011396 -.012805"),
    (".0825 0 0", 1, 3.587895, "-0.05317 0.104419 0.027454", ".025853 .019552 .028323 .007796 -.001332 .008641"),
    (
        "-.0825 .384 0",
        -1,
        1.225946,
        "-0.011953 0.041065 -0.038437",
        ".035549 .029474 .008627 -.002117 -.004037 .000229",
    ),
    ("0 0 0", 1, 1.666555, "0.060149 -0.014117 -0.010517", ".001964 .004354 .005433 .000109 -.001158 .000341"),
    (".088 0 0", 1, 0.735522, "0.010517 -0.004252 0.061597", ".012516 .010027 .004815 -.000428 -.001196 -.000741"),
]
HAND = """<body pos="0 0 .107" euler="0 0 -0.7853981633974483">
<inertial mass=".73" pos="-.01 0 .03" diaginertia=".001 .0025 .0017"/>
<site name="tcp" pos="0 0 .1034"/>"""


def _mjcf(armature: float) -> str:
    opened = "".join(
        f'<body pos="{pos}" euler="{turn * np.pi / 2} 0 0"><joint axis="0 0 1"/>'
        f'<inertial mass="{mass}" pos="{com}" fullinertia="{inertia}"/>'
        for pos, turn, mass, com, inertia in LINKS
    )
    return f"""<mujoco><compiler angle="radian" balanceinertia="true"/>
    <option timestep="{DT_S}" gravity="0 0 0" integrator="implicitfast"/>
    <default><joint type="hinge" armature="{armature}"/></default>
    <worldbody>{opened}{HAND}{"</body>" * (len(LINKS) + 1)}</worldbody></mujoco>"""


@functools.cache
def _model(armature: float) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(_mjcf(armature))


class Plant:
    """The simulated arm; state and dynamics are preallocated and refreshed by `look_up`."""

    def __init__(self, q: np.ndarray = HOME, armature: float = 0.1, gravity: bool = False) -> None:
        self.model = copy.copy(_model(armature))
        self.model.opt.gravity[2] = -9.81 if gravity else 0.0
        self.data = mujoco.MjData(self.model)
        self.data.qpos[:] = q
        n = self.model.nv
        self.state = ArmState(np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(3), np.eye(3))
        self.dynamics = ArmDynamics(np.zeros((6, n)), np.zeros((n, n)), np.zeros(n), np.zeros(n))
        self.look_up()
        self.state.tau[:] = self.dynamics.gravity

    def look_up(self) -> None:
        """Kinematics and dynamics at the present joint positions; the bias counts as gravity when there is any."""
        model, data, state, dynamics = self.model, self.data, self.state, self.dynamics
        mujoco.mj_fwdPosition(model, data)
        mujoco.mj_fwdVelocity(model, data)
        mujoco.mj_jacSite(model, data, dynamics.J[:3], dynamics.J[3:], 0)
        mujoco.mj_fullM(model, dynamics.M, data.qM)
        (dynamics.gravity if model.opt.gravity[2] else dynamics.coriolis)[:] = data.qfrc_bias
        state.q[:], state.dq[:] = data.qpos, data.qvel
        state.p[:], state.R[:] = data.site_xpos[0], data.site_xmat[0].reshape(3, 3)

    def step(self, tau: np.ndarray, wrench: np.ndarray | None = None) -> None:
        """Apply joint torques, and a wrench of the world on the TCP, for DT_S."""
        self.data.qfrc_applied[:] = tau if wrench is None else tau + self.dynamics.J.T @ wrench
        mujoco.mj_step(self.model, self.data)
        self.state.tau[:] = tau
        self.look_up()

    def kinetic_energy(self) -> float:
        return float(0.5 * self.state.dq @ self.dynamics.M @ self.state.dq)


def pose_target(state: ArmState, p=(0.0, 0.0, 0.0), stamp_s: float = 0.0) -> Target:
    """The present pose, moved by p."""
    quat = np.array(quat_from_matrix(state.R))
    return Target(state.p + np.asarray(p), quat, np.zeros(6), np.zeros(6), np.array([stamp_s]))


def free_limits(n: int = 7) -> ArmLimits:
    """Limits that never act, to see the law alone."""
    inf = np.full(n, np.inf)
    return ArmLimits(-inf, inf, inf, np.full(n, 1e6), np.full(n, 1e12))


class Rig:
    """Plant, loop memory and clock; `run` closes the loop with a torque delay of `delay_ticks`."""

    def __init__(self, gains: Gains, plant: Plant | None = None, limits: ArmLimits | None = None, delay_ticks: int = 0):
        self.plant = plant or Plant(gains.posture.copy())
        self.gains, self.limits = gains, limits or arm_limits("fer")
        self.memory = make_controller_state(7)
        self.tau, self.now_s = np.zeros(7), 0.0
        self.pipe = [self.plant.state.tau.copy() for _ in range(delay_ticks)]
        self.target = pose_target(self.plant.state)

    def tick(self, dt_s: float = DT_S, fresh: bool = True) -> Reason:
        """One tick without moving the plant."""
        if fresh:
            self.target.stamp_s[0] = self.now_s
        reason = tick(self.arrays, dt_s, self.now_s)
        self.now_s += dt_s
        return Reason(reason)

    def run(self, seconds: float, wrench: np.ndarray | None = None, fresh: bool = True) -> np.ndarray:
        """Close the loop; returns the TCP's positions (T, 3)."""
        path = []
        for _ in range(round(seconds / DT_S)):
            self.tick(fresh=fresh)
            self.pipe.append(self.tau.copy())
            self.plant.step(self.pipe.pop(0), wrench)
            path.append(self.plant.state.p.copy())
        return np.array(path)

    @property
    def arrays(self) -> ControlLoop:
        plant = self.plant
        return ControlLoop(plant.state, plant.dynamics, self.target, self.gains, self.limits, self.memory, self.tau)

    @property
    def loop(self):
        return self.memory
