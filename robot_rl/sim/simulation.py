"""Simulated workcell: MuJoCo under the same compiled tick as the real arm."""

import mujoco
import numpy as np

from controllers.arm import REASON_TEXT, ArmDynamics, ArmState, Mode, Reason, no_target
from controllers.arms.spec import BUILT_IN, SIMULATED, ArmSpec, load_arm
from controllers.geometry import matrix_from_quat, quat_from_matrix
from controllers.host.motions import MotionCommand, MotionKind, MotionRecord, serve_motion
from controllers.law.controller_state import ControllerState
from controllers.law.gains import Gains, make_gains
from controllers.law.tick import ControlLoop, activate, make_controller_state
from controllers.records import make_record
from robot_rl.core.extensions import resolve
from robot_rl.core.pose import Pose
from robot_rl.core.tasks import ArmTask, Outcome, TaskSpec
from robot_rl.sim import inverse_kinematics
from robot_rl.sim.arm import FINGER_MAX_M, HOME_Q
from robot_rl.sim.free_space import FREE
from robot_rl.sim.scene import FIXED_APPEARANCE, TIMESTEP_S, Appearance, AppearanceConfig
from robot_rl.sim.stepping import advance, fill_dynamics, view_model
from robot_rl.sim.task import TaskScene

PLAIN = "robot_rl.tasks.pick_lift:TASK"  # by name: tasks stand above the simulator


class Simulation:
    """One task's scene with arm, controller and ground truth.

    Frames: the arm's base is the world. Units: SI. Time advances only in `advance`.

    Args:
        arm: one with a model; None: the built-in one.

    Raises:
        ConfigError: the task has no scene, or the arm's model cannot be simulated.
    """

    def __init__(
        self, task: TaskSpec, appearance: AppearanceConfig = FIXED_APPEARANCE, arm: ArmSpec | None = None
    ) -> None:
        self.task, self.arm = task, arm or load_arm(SIMULATED)
        self.joints = len(self.arm.joints)
        self.home = HOME_Q if self.arm.model == BUILT_IN else np.array(self.arm.posture)
        """(N,) where a reset begins to search for the start, and the nullspace's posture [rad]."""
        self.scene: TaskScene = task.make_scene()
        self.model = self.scene.build(self.arm).compile()
        self.data = mujoco.MjData(self.model)
        self.appearance = Appearance(self.model, appearance)
        self.reason = Reason.OK
        self._hand = self.model.body("hand").id
        self._time_s, self._sensors_mean = np.zeros(1), np.zeros(6)
        self.has_gripper = self.model.nu > self.joints
        self.views = view_model(self.model, self.data, self.joints)
        self.loop = self._bind(task_gains(task.arm, self.home))
        """Arrays of the law, which `refresh_model`, `step_torque` and `advance` update."""

    def _bind(self, gains: Gains) -> ControlLoop:
        """Return the tick's arrays, state and bias torques being MuJoCo's own."""
        data, site, n = self.data, self.model.site("tcp").id, self.joints
        p, R = data.site_xpos[site], data.site_xmat[site].reshape(3, 3)
        state = ArmState(data.qpos[:n], data.qvel[:n], np.zeros(n), p, R)
        bias = data.qfrc_bias[:n]  # Coriolis and gravity in one, so the second is zero
        dynamics = ArmDynamics(np.zeros((6, n)), np.zeros((n, n)), bias, np.zeros(n))
        memory = make_controller_state(n)
        return ControlLoop(state, dynamics, no_target(), gains, self.arm.limits, memory, np.zeros(n))

    @property
    def gains(self) -> Gains:
        """The requested gains, applied from the next tick on."""
        return self.loop.gains

    @gains.setter
    def gains(self, gains: Gains) -> None:
        self.loop = self.loop._replace(gains=gains)

    @property
    def memory(self) -> ControllerState:
        """The controller's state, for the functions of `controllers.law.tick`."""
        return self.loop.memory

    def reset(self, rng: np.random.Generator) -> None:
        """Draw a new scene and place the arm at its start, at rest, with gravity in its command."""
        model, data, n = self.model, self.data, self.joints
        mujoco.mj_resetData(model, data)
        start = self.scene.randomise(model, data, rng)
        self.appearance.randomise(data, rng, self.scene.keep_out(data))
        place = start.T_base_tcp
        data.qpos[:n] = self.home if place is None else inverse_kinematics.solve(model, data, place, self.home)
        if self.has_gripper:
            data.qpos[n : n + 2] = start.finger_m
        data.qvel[:] = 0.0
        mujoco.mj_forward(model, data)
        self._time_s[0] = 0.0
        self.loop.state.tau[:] = self.loop.tau[:] = data.qfrc_bias[:n]
        activate(self.memory)
        self.set_finger(start.finger_m)
        self.set_target(place or self.T_base_tcp)
        self.advance(TIMESTEP_S * 5)

    def set_target(self, T_base_target: Pose) -> None:
        """Set the controller's target pose, stamped now."""
        self.loop.target.p[:] = T_base_target.p
        self.loop.target.quat_xyzw[:] = quat_from_matrix(T_base_target.R)
        self.loop.target.stamp_s[0] = self._time_s[0]

    def set_finger(self, finger_m: float) -> None:
        """Command the fingers' travel [m], the same for both."""
        if self.has_gripper:
            self.data.ctrl[self.joints : self.joints + 2] = np.clip(finger_m, 0.0, FINGER_MAX_M)

    def move_joints(self, q: np.ndarray, speed: float = 1.0, period_s: float = 0.1) -> str:
        """Move to joint positions (N,) [rad] at a fraction of the full speed; return why it did not arrive, else empty.

        Afterwards the target is the measured pose.
        """
        number = self.memory.motion_number + 1
        if text := self.command_motion(MotionCommand(MotionKind.JOINTS, number, self.time_s, q, speed)):
            return text
        while self.memory.motion_result == Reason.MOVING_JOINTS:
            self.command_motion(MotionCommand(MotionKind.JOINTS, number, self.time_s, q, speed))
            self.advance(period_s)
        self.set_target(self.T_base_tcp)
        result = Reason(self.memory.motion_result)
        return "" if result == Reason.OK else REASON_TEXT[result]

    def command_motion(self, command: MotionCommand) -> str:
        """Start a joint motion or guiding, keep it alive, or end it; return why it is refused, else empty."""
        if command.number != self.memory.motion_number:
            self.refresh_model()  # pose and Jacobian of these joint positions
        return serve_motion(self.loop, make_record(MotionRecord, self.joints, **command._asdict()))

    def advance(self, period_s: float) -> Reason:
        """Advance under the controller; return the most severe reason of its ticks."""
        steps = max(1, round(period_s / TIMESTEP_S))
        reason = advance(self.views, self.loop, steps, TIMESTEP_S, self._time_s, self._sensors_mean)
        self.reason = Reason(reason)
        return self.reason

    def refresh_model(self) -> None:
        """Update kinematics and model terms, for another controller; `advance` does it itself."""
        mujoco.mj_step1(self.model, self.data)
        fill_dynamics(self.views, self.loop.state.p, self.loop.dynamics)

    def refresh_cameras(self) -> None:
        """Update cameras and lights that were moved in the model; `advance` does it itself."""
        mujoco.mj_camlight(self.model, self.data)

    def step_torque(self, tau: np.ndarray) -> None:
        """Advance one time step under joint torques (N,) [N m], after `refresh_model`."""
        self._time_s[0] += TIMESTEP_S
        self.data.ctrl[: self.joints] = tau
        self.loop.state.tau[:] = self.loop.tau[:] = tau
        mujoco.mj_step2(self.model, self.data)

    @property
    def mode(self) -> Mode:
        """Mode of the controller."""
        return Mode(self.memory.mode)

    @property
    def T_base_target(self) -> Pose:
        """The target that the controller tracks, or the pose that it holds."""
        goal = self.memory.goal
        R = np.empty((3, 3))
        matrix_from_quat(np.array(goal.quat_xyzw), R)
        return Pose(np.array(goal.p), R)

    @property
    def time_s(self) -> float:
        """Simulated time since the reset [s]."""
        return float(self._time_s[0])

    @property
    def T_base_tcp(self) -> Pose:
        """Measured tool pose."""
        return Pose(self.loop.state.p.copy(), self.loop.state.R.copy())

    def twist(self) -> np.ndarray:
        """Tool twist (6,) in the base frame, linear first [m/s, rad/s]."""
        return self.loop.dynamics.J @ self.loop.state.dq

    def finger_m(self) -> float:
        """Measured travel of one finger [m]; 0 without a gripper."""
        return float(self.data.qpos[self.joints]) if self.has_gripper else 0.0

    def wrench(self) -> np.ndarray:
        """External wrench on the hand, (6,) force then moment in the hand's frame [N, N m], mean of the last advance.

        The weight of hand and held part is subtracted, as a lab does by weighing the tool.
        """
        data, model = self.data, self.model
        R = data.site("wrist").xmat.reshape(3, 3)
        weight = R.T @ (model.opt.gravity * model.body_subtreemass[self._hand])
        arm = R.T @ (data.subtree_com[self._hand] - data.site("wrist").xpos)
        return -self._sensors_mean - np.concatenate([weight, np.cross(arm, weight)])

    @property
    def wrist_sensors(self) -> np.ndarray:
        """Present values of the wrist's force and torque sensors, (6,); a view."""
        return self.data.sensordata[:6]

    @property
    def wrist_mean(self) -> np.ndarray:
        """Mean of the wrist's sensors over the last advance, (6,); a copy."""
        return self._sensors_mean.copy()

    def set_wrist_mean(self, sensors: np.ndarray) -> None:
        """Take (6,) as the mean of the last advance, where another loop than `advance` let time pass."""
        self._sensors_mean[:] = sensors

    def outcome(self) -> Outcome:
        """Return ground truth now."""
        return self.scene.outcome(self.model, self.data)


def task_gains(arm: ArmTask, posture: np.ndarray = HOME_Q) -> Gains:
    """Return the law's gains for a task; without a ramp, for a reset puts the simulated arm where it shall be."""
    return make_gains(posture, ramp_s=0.0, **arm.controller_gains)


def plain_cell(arm: ArmSpec | None = None) -> Simulation:
    """Return a cell that is always the same one: pick-lift's, or an arm of a file over an empty table.

    Raises:
        ConfigError: the arm's model cannot be simulated.
    """
    built_in = arm is None or arm.model == BUILT_IN
    simulation = Simulation(resolve("task", PLAIN, {}) if built_in else FREE, arm=arm)
    simulation.reset(np.random.default_rng(0))
    return simulation
