"""The agent: one definition (names, shapes, init, schema hash) and its translations."""

from robot_rl.agents.config import AgentConfig
from robot_rl.agents.definition import AgentDefinition
from robot_rl.agents.layers import ParameterSpec
from robot_rl.vision.architecture import (
    ConvLayer,
    EncoderArchitecture,
    EncoderFile,
    load_encoder,
    save_encoder,
)

__all__ = [
    "AgentConfig",
    "AgentDefinition",
    "ConvLayer",
    "EncoderArchitecture",
    "EncoderFile",
    "ParameterSpec",
    "load_encoder",
    "save_encoder",
]
