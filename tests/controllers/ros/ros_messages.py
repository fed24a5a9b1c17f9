"""Messages with the fields of the ROS interface, without ROS."""

from types import SimpleNamespace as Message

BASE = "base"


def header(stamp_s=1.0, frame=BASE):
    seconds, rest = divmod(round(stamp_s * 1e9), 1_000_000_000)
    return Message(stamp=Message(sec=seconds, nanosec=rest), frame_id=frame)


def xyz(values=(0.0, 0.0, 0.0)):
    return Message(x=values[0], y=values[1], z=values[2])


def xyzw(values=(0.0, 0.0, 0.0, 1.0)):
    return Message(x=values[0], y=values[1], z=values[2], w=values[3])


def pose(p=(0.4, 0.0, 0.3), quat=(0.0, 0.0, 0.0, 1.0), frame=BASE):
    return Message(header=header(frame=frame), pose=Message(position=xyz(p), orientation=xyzw(quat)))


def twist(linear=(0.1, 0.0, 0.0), angular=(0.0, 0.0, 0.0), frame=BASE):
    return Message(header=header(frame=frame), twist=Message(linear=xyz(linear), angular=xyz(angular)))


def wrench(force=(0.0, 0.0, -5.0), torque=(0.0, 0.0, 0.0), frame=BASE):
    return Message(header=header(frame=frame), wrench=Message(force=xyz(force), torque=xyz(torque)))


def joints(names, position):
    return Message(header=header(), name=names, position=position, velocity=[], effort=[])


def array(data, label="stiffness", size=None, offset=0):
    dimensions = [] if label is None else [Message(label=label, size=len(data) if size is None else size, stride=0)]
    return Message(layout=Message(dim=dimensions, data_offset=offset), data=data)
