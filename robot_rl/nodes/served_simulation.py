"""Served simulation: the simulated robot on the real robot's topics, with cameras, gripper and task server.

The controller is the real arm's (`controllers.ros.controller`) over the real arm's loop, in this process. One
thread runs the physics, slice by slice, and the wire's callbacks. The same program runs over any
wire: as a ROS node, or as a plain process over DDS.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from controllers.arms.spec import SIMULATED
from controllers.drivers.grippers.contract import GripperSpec, GripperState, checked_command
from controllers.geometry import quat_from_matrix
from controllers.host.control_stack import gains_of
from controllers.ros import graph, settings
from controllers.ros.controller import Controller
from controllers.ros.frames import frames_of
from controllers.ros.topics import find_topics
from controllers.ros.wire import Wire
from robot_rl.core import checks
from robot_rl.core.action_layout import gripper_head
from robot_rl.core.clock import NS_PER_S, Clock, SystemClock
from robot_rl.core.errors import unknown_name
from robot_rl.envs.simulated import APPEARANCES, make_cameras
from robot_rl.hardware.graph.messages import image_message, wrench_message
from robot_rl.hardware.graph.task_state import NO_RESET, RESET_ID_MAX, TaskState, task_state_message
from robot_rl.nodes.polled_wire import PolledWire
from robot_rl.sim.arm import FINGER_MAX_M
from robot_rl.sim.arm_file import find_arm
from robot_rl.sim.served_loop import ServedLoop
from robot_rl.sim.simulation import Simulation
from robot_rl.sim.task import Expert
from robot_rl.tasks import find_task

REPEAT_S = 5.0
"""Time within which a repeated reset id is the same request, sent again for lack of an answer."""
SLICE_S = 0.01  # physics between two published states
TASK_HZ = 50.0
SCENE_SEEDS = 2**32
FINGER_REST_M_S = 0.002  # slower fingers are at rest


@dataclass(frozen=True)
class ServeConfig:
    """Settings of the served simulation.

    Raises:
        ConfigError: a rate that is not positive, an unknown camera or task.
    """

    task: str = "pick-lift"
    """Task whose scene is served: a name, a file or `module:NAME`."""
    arm: str = SIMULATED
    """`simulated`, or the YAML file of an arm with a `model`."""
    appearance: str = "fixed"
    """`fixed`, or `varied`: a new appearance at each reset."""
    cameras: tuple[str, ...] | None = None
    """Cameras of the task to serve; None: all."""
    image_hz: float = 30.0
    """Images of each camera a second; 10 on a computer that cannot keep up."""
    seed: int = 0
    """Seed of the scene before the first reset."""
    topics: tuple[str, ...] = ()
    """Topics beside the controller's own, each `module:Class` or `file.py:Class`."""

    def __post_init__(self) -> None:
        known = find_task(self.task).cameras
        for camera in self.cameras or ():
            if camera not in known:
                raise unknown_name("cameras", camera, known)
        checks.one_of(self, APPEARANCES, "appearance")
        checks.positive(self, "image_hz")
        find_topics(self.topics)


class SimulatedRobotServer:
    """Server of one simulated arm with its controller, gripper, cameras and task server; close it when done."""

    def __init__(self, wire: Wire, config: ServeConfig, clock: Clock | None = None) -> None:
        self._wire, self._config, self._clock = PolledWire(wire), config, clock or SystemClock()
        task = find_task(config.task)
        simulation = self.simulation = Simulation(task, APPEARANCES[config.appearance], find_arm(config.arm))
        simulation.reset(np.random.default_rng(config.seed))
        gains = settings.changed(gains_of(simulation.arm), task.arm.controller_gains)
        self.loop = ServedLoop(simulation, gains, self._clock)
        self.controller = self._start_controller()
        self._wrench = self._wire.publisher(graph.WRENCH)
        self.task_server = TaskServer(self._wire, self, task.make_expert())
        self._cameras = make_cameras(simulation, task.cameras if config.cameras is None else config.cameras, whole=True)
        self._image_due, self._task_due = (_Every(hz, self._clock) for hz in (config.image_hz, TASK_HZ))
        self._slice_ns = round(SLICE_S * NS_PER_S)
        self._deadline_ns = self._clock.now_ns()
        self.missed = self.slices = 0
        self._refresh: Callable[[], None] = lambda: None  # of the parameters

    def _start_controller(self) -> Controller:
        namespace = self._wire.namespace.strip("/")
        name = graph.in_namespace(graph.CONTROLLER, namespace)
        log, arm = logging.getLogger(graph.CONTROLLER), self.simulation.arm
        clock, topics = self._clock.now_ns, find_topics(self._config.topics)
        controller = Controller(self._wire, name, f"{arm.name} by simulation", log, clock, self.loop.sleep, topics)
        frames = frames_of(arm, prefix=graph.in_namespace("", namespace))
        start = self.simulation.T_base_tcp  # the arm's posture may lie outside the task's workspace
        home = self.home = start.p, np.array(quat_from_matrix(start.R))
        controller.attach(self._wire, self.loop, self.loop.gains(), arm.joints, frames, home)
        if self.simulation.has_gripper:
            controller.attach_gripper(ServedGripper(self.simulation, self._clock), GripperSpec("simulated"))
        controller.activate()
        return controller

    def offer_parameters(self, node: Any) -> None:
        """Expose the controller's gains as parameters of an rclpy node."""
        from rclpy.parameter import Parameter

        from controllers.ros.parameters import Parameters

        parameters = Parameters(node, Parameter)
        parameters.declare_gains(self.loop.gains())
        parameters.show(self.controller.handler)
        self._refresh = parameters.refresh

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Serve until stopped."""
        self.reset(np.random.default_rng(self._config.seed))  # restart the deadlines after compilation
        while not should_stop():
            self.step()

    def reset(self, rng: np.random.Generator) -> None:
        """Draw a new scene and continue from now; an enabled arm stays enabled, an emergency stop stays."""
        handler = self.controller.handler
        enabled = handler.enabled
        handler.stop_now()
        self.loop.reset(rng)
        if enabled:
            handler.start()
        self._deadline_ns = self._clock.now_ns()

    def step(self) -> None:
        """Simulate one slice, then do the due work.

        Deadlines are absolute; slices that miss theirs are counted in `missed` and skipped, so that simulated time
        falls behind.
        """
        self._wire.poll()
        fresh = self.task_server.reset_if_requested()
        self.controller.poll()
        self._refresh()
        self.loop.advance(SLICE_S)
        self._keep_pace()
        self.controller.publish_states()
        wrench = wrench_message(
            self._wire,
            self.simulation.wrench(),
            self._wire.now_ns(),
            graph.in_namespace(graph.HAND, self._wire.namespace),
        )
        self._wrench.publish(wrench)
        if fresh or self._image_due():
            self._publish_images()
        if fresh or self._task_due():
            self.task_server.publish()

    def _keep_pace(self) -> None:
        self.slices += 1
        self._deadline_ns += self._slice_ns
        late = (self._clock.now_ns() - self._deadline_ns) // self._slice_ns
        if late > 0:
            self.missed += late
            self._deadline_ns += late * self._slice_ns
        self._clock.sleep_until(self._deadline_ns)

    def _publish_images(self) -> None:
        for camera in self._cameras.values():
            stamp_ns, frame = self._wire.now_ns(), f"{camera.name}_color_optical_frame"
            message = image_message(self._wire, camera.read().image, stamp_ns, frame)
            self._wire.publisher(graph.image_topic(camera.name)).publish(message)

    def problems(self) -> tuple[str, ...]:
        """Warnings of the graph, and the last gripper target that was rejected; newest last."""
        fingers = self.controller.fingers
        return (*self._wire.problems(), *([fingers.rejections.last] if fingers and fingers.rejections.last else []))

    def close(self) -> None:
        """Leave the other arms in good order, and free the graphics context; the owner closes the wire."""
        self.controller.detach()
        for camera in self._cameras.values():
            camera.close()


class ServedGripper:
    """The simulation's fingers as a `Gripper`; they move at the speed of their motor, whatever is commanded."""

    def __init__(self, simulation: Simulation, clock: Clock) -> None:
        self._simulation, self._clock, self._stopped = simulation, clock, False

    def command(self, width_m: float, speed_m_s: float, force_n: float) -> None:
        command = checked_command(width_m, speed_m_s, force_n)
        if not self._stopped:
            self._simulation.set_finger(command.width_m / 2)

    def state(self) -> GripperState:
        stamp_s, width_m = self._clock.now_ns() / NS_PER_S, 2.0 * self._simulation.finger_m()
        return GripperState(width_m, self._moving(), False, "", stamp_s, 2.0 * FINGER_MAX_M, self._stopped)

    def stop(self) -> None:
        self._stopped = True
        if self._moving():
            self._simulation.set_finger(self._simulation.finger_m())

    def clear(self) -> None:
        self._stopped = False

    def close(self) -> None:
        """See `Gripper`."""

    def _moving(self) -> bool:
        return abs(float(self._simulation.data.qvel[self._simulation.joints])) > FINGER_REST_M_S


class TaskServer:
    """Task server: draws new scenes on request, and publishes the state of the task.

    The low 32 bits of `task/reset` are the scene's seed, the others number the request.
    """

    def __init__(self, wire: PolledWire, server: SimulatedRobotServer, expert: Expert) -> None:
        self._wire, self._server, self._expert = wire, server, expert
        self._publisher = wire.publisher(graph.TASK_STATE)
        self._asked: int | None = None
        self._reset_id, self._reset_ns = NO_RESET, 0
        wire.subscribe(graph.TASK_RESET, self._on_reset)

    def reset_if_requested(self) -> bool:
        """Draw the last requested scene; return whether it is new."""
        asked, self._asked = self._asked, None
        repeated = asked == self._reset_id and self._wire.now_ns() - self._reset_ns < REPEAT_S * NS_PER_S
        if asked is None or repeated:
            return False
        self._server.reset(np.random.default_rng(asked % SCENE_SEEDS))
        self._reset_id, self._reset_ns = asked, self._wire.now_ns()
        return True

    def publish(self) -> None:
        """Publish the state of the task."""
        simulation = self._server.simulation
        model, data = simulation.model, simulation.data
        goal = self._expert.goal(model, data)
        state = TaskState(
            self._reset_id, self._reset_ns / NS_PER_S, self._wire.now_ns() / NS_PER_S, simulation.outcome(),
            goal.T_base_tcp, gripper_head().level(goal.gripper), simulation.scene.object_state(model, data),
        )  # fmt: skip
        self._publisher.publish(task_state_message(self._wire, state))

    def _on_reset(self, message: Any) -> None:
        self._asked = int(message.data) % RESET_ID_MAX


class _Every:
    """Return True once each period."""

    def __init__(self, rate_hz: float, clock: Clock) -> None:
        self._period_ns, self._clock = round(NS_PER_S / rate_hz), clock
        self._due_ns = clock.now_ns()

    def __call__(self) -> bool:
        now_ns = self._clock.now_ns()
        if now_ns < self._due_ns:
            return False
        self._due_ns = max(self._due_ns + self._period_ns, now_ns - self._period_ns)
        return True
