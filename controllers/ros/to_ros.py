"""Conversion of arrays to ROS messages, of any library with the fields of the ROS interface."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from controllers.geometry import FloatArray, quat_from_matrix, rotation_error
from controllers.host.mailbox import HostState
from controllers.law.gains import Gains
from controllers.ros import graph, settings
from controllers.ros.diagnostics import Level, StatusReport
from controllers.ros.stops import StopReport
from controllers.ros.wire import Wire


def stamped(message: Any, stamp_ns: int, frame: str) -> Any:
    """Return the message with its header set."""
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
    message.header.frame_id = frame
    return message


def quat_of(R: FloatArray) -> FloatArray:
    """Return quat_xyzw of a rotation matrix."""
    return np.asarray(quat_from_matrix(np.ascontiguousarray(R, np.float64)))


def put_pose(message: Any, p: ArrayLike, quat_xyzw: ArrayLike) -> Any:
    """Fill a PoseStamped."""
    _put_xyz(message.pose.position, p)
    _put(message.pose.orientation, "xyzw", quat_xyzw)
    return message


def put_twist(message: Any, twist: FloatArray) -> Any:
    """Fill a TwistStamped."""
    _put_xyz(message.twist.linear, twist[:3])
    _put_xyz(message.twist.angular, twist[3:])
    return message


def put_wrench(message: Any, wrench: FloatArray) -> Any:
    """Fill a WrenchStamped."""
    _put_xyz(message.wrench.force, wrench[:3])
    _put_xyz(message.wrench.torque, wrench[3:])
    return message


def put_joints(
    message: Any, names: Sequence[str], q: ArrayLike = (), dq: ArrayLike = (), effort: ArrayLike = ()
) -> Any:
    """Fill a JointState; missing values stay empty."""
    message.name = list(names)
    message.position, message.velocity, message.effort = (np.asarray(x, float).tolist() for x in (q, dq, effort))
    return message


def put_transform(message: Any, child: str, p: ArrayLike, quat_xyzw: ArrayLike) -> Any:
    """Fill a TransformStamped."""
    message.child_frame_id = child
    _put_xyz(message.transform.translation, p)
    _put(message.transform.rotation, "xyzw", quat_xyzw)
    return message


def status_message(wire: Wire, report: StatusReport, name: str, hardware: str = "") -> Any:
    """Fill a DiagnosticStatus."""
    pairs = [wire.make("diagnostic_msgs/msg/KeyValue", key=key, value=value) for key, value in report.values]
    return wire.make(
        graph.STATUS.type,
        level=int(report.level),
        message=report.message,
        name=name,
        hardware_id=hardware,
        values=pairs,
    )


def stop_report_message(wire: Wire, report: StopReport) -> Any:
    """Fill the DiagnosticStatus of a source of stops."""
    level = Level.STALE if report.leaves else Level.ERROR if report.why else Level.OK
    values = {"clears": str(report.clears), "process": report.process, "lifts": ", ".join(report.lifts)}
    return status_message(wire, StatusReport(level, report.why, tuple(values.items())), report.source)


def gains_message(wire: Wire, gains: Gains) -> Any:
    """Return the active gains, each parameter by its name, as a Float64MultiArray."""
    named = {name: np.ravel(value) for name, value in settings.values_of(gains).items() if "." not in name}
    return numbers_message(wire, graph.GAINS.type, named)


def numbers_message(wire: Wire, type_name: str, named: Mapping[str, ArrayLike]) -> Any:
    """Return named arrays as a Float64MultiArray with a dimension for each name."""
    arrays = {name: np.asarray(values, np.float64).reshape(-1) for name, values in named.items()}
    dimensions = [
        wire.make("std_msgs/msg/MultiArrayDimension", label=name, size=array.size, stride=array.size)
        for name, array in arrays.items()
    ]
    layout = wire.make("std_msgs/msg/MultiArrayLayout", dim=dimensions, data_offset=0)
    return wire.make(type_name, layout=layout, data=np.concatenate([np.zeros(0), *arrays.values()]))


class Outgoing(NamedTuple):
    """One message of the arm's state: its topic, and the function that fills it."""

    topic: graph.Topic
    put: Callable[..., Any]
    values: tuple[Any, ...]


def finite(outgoing: Outgoing) -> bool:
    """Return whether all numbers of a message are; a broken state has others, which no client should get."""
    return all(np.isfinite(value).all() for value in outgoing.values if isinstance(value, np.ndarray))


def states_of(state: HostState, joints: Sequence[str]) -> Iterator[Outgoing]:
    """Return the messages of the arm's state, by topic."""
    values = state.values[0]
    p, R = values["p"], values["R"]
    quat, reference = quat_of(R), (values["reference_p"], values["reference_quat_xyzw"])
    if not np.any(reference[1]):  # before the first activation
        reference = p, quat
    for topic in (graph.CURRENT_POSE, graph.at_root(graph.CURRENT_POSE)):
        yield Outgoing(topic, put_pose, (p, quat))
    yield Outgoing(graph.COMMANDED_POSE, put_pose, reference)
    twist = values["J"] @ values["dq"]
    for topic in (graph.CURRENT_TWIST, graph.at_root(graph.CURRENT_TWIST)):
        yield Outgoing(topic, put_twist, (twist,))
    yield Outgoing(graph.TRACKING_ERROR, put_twist, (displacement(p, R, *reference),))
    yield Outgoing(graph.ESTIMATED_WRENCH, put_wrench, (values["external_wrench"],))
    yield Outgoing(graph.TAU_COMMAND, put_joints, (joints, values["q"], values["dq"], values["tau"]))
    measured = values["tau_measured"] if np.isfinite(values["tau_measured"]).all() else ()
    yield Outgoing(graph.JOINT_STATES, put_joints, (joints, values["q"], values["dq"], measured))


def displacement(p: FloatArray, R: FloatArray, to_p: FloatArray, to_quat_xyzw: FloatArray) -> FloatArray:
    """Return the displacement from one pose to another in the base: metres, then a rotation vector; (6,)."""
    return np.concatenate([to_p - p, rotation_error(quat_of(R), np.ascontiguousarray(to_quat_xyzw, np.float64))])


def _put_xyz(part: Any, values: ArrayLike) -> None:
    _put(part, "xyz", values)


def _put(part: Any, names: Iterable[str], values: ArrayLike) -> None:
    for name, value in zip(names, np.asarray(values, float).tolist(), strict=True):
        setattr(part, name, value)
