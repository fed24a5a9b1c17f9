"""The one message that the doctor reads from a ROS graph without ROS: diagnostic_msgs/DiagnosticArray.

Annotations are types here and not text: cyclonedds cannot resolve `sequence[...]` from text.
"""

from dataclasses import dataclass

from cyclonedds.idl import IdlStruct
from cyclonedds.idl.annotations import final
from cyclonedds.idl.types import int32, sequence, uint8, uint32


@dataclass
@final
class Time(IdlStruct, typename="builtin_interfaces::msg::dds_::Time_"):
    """Since the epoch."""

    sec: int32
    nanosec: uint32


@dataclass
@final
class Header(IdlStruct, typename="std_msgs::msg::dds_::Header_"):
    """When, and in which frame."""

    stamp: Time
    frame_id: str


@dataclass
@final
class KeyValue(IdlStruct, typename="diagnostic_msgs::msg::dds_::KeyValue_"):
    """One figure."""

    key: str
    value: str


@dataclass
@final
class DiagnosticStatus(IdlStruct, typename="diagnostic_msgs::msg::dds_::DiagnosticStatus_"):
    """How one part is."""

    level: uint8
    name: str
    message: str
    hardware_id: str
    values: sequence[KeyValue]  # type: ignore[type-arg]


@dataclass
@final
class DiagnosticArray(IdlStruct, typename="diagnostic_msgs::msg::dds_::DiagnosticArray_"):
    """How several parts are."""

    header: Header
    status: sequence[DiagnosticStatus]  # type: ignore[type-arg]
