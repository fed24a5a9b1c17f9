"""Exposure, gain and white balance of a RealSense: fixed unless set to auto, and read back."""

from typing import Any

from robot_rl.core.errors import ConfigError
from robot_rl.hardware.cameras.realsense_config import RealSenseConfig
from robot_rl.hardware.cameras.realsense_devices import import_realsense

COLOUR_UNIT_S, STEREO_UNIT_S = 100e-6, 1e-6
"""Unit of a sensor's exposure [s]. Source: librealsense, issues 8243 and 6384."""

POWER_LINE = {0: 0, 50: 1, 60: 2}
"""Frequency of the mains -> librealsense's `power_line_frequency`."""


def apply_options(config: RealSenseConfig, device: Any) -> None:
    """Set everything that the settings name, on each sensor that has it.

    The colour of some models (D405) comes from the stereo module, and then has that sensor's unit of exposure.

    Raises:
        ConfigError: a value that the device refuses; the text has its range.
    """
    rs = import_realsense()
    option = rs.option
    for sensor in device.query_sensors():
        _set(config.name, sensor, option.global_time_enabled, float(config.global_time))
        if _has_colour(rs, sensor):
            _set(config.name, sensor, option.enable_auto_white_balance, float(config.auto_white_balance))
            if not config.auto_white_balance:
                _set(config.name, sensor, option.white_balance, config.white_balance_k)
            unit_s = STEREO_UNIT_S if sensor.is_depth_sensor() else COLOUR_UNIT_S
            _expose(config, rs, sensor, config.exposure_s / unit_s, config.gain)
            _set(config.name, sensor, option.power_line_frequency, float(POWER_LINE[config.power_line_hz]))
        if config.depth and sensor.is_depth_sensor():
            _set(config.name, sensor, option.emitter_enabled, float(config.emitter))
            if config.emitter and config.laser_power_mw is not None:
                _set(config.name, sensor, option.laser_power, config.laser_power_mw)
        if config.depth and sensor.is_depth_sensor() and not _has_colour(rs, sensor):
            _expose(config, rs, sensor, config.depth_exposure_s / STEREO_UNIT_S, config.depth_gain)


def _expose(config: RealSenseConfig, rs: Any, sensor: Any, exposure: float, gain: float) -> None:
    option = rs.option
    _set(config.name, sensor, option.enable_auto_exposure, float(config.auto_exposure))  # first: auto refuses values
    if not config.auto_exposure:
        _set(config.name, sensor, option.exposure, float(round(exposure)))
        _set(config.name, sensor, option.gain, gain)


def _set(name: str, sensor: Any, option: Any, value: float) -> None:
    if not sensor.supports(option) or sensor.is_option_read_only(option):
        return
    limits = sensor.get_option_range(option)
    try:
        sensor.set_option(option, value)
        got = sensor.get_option(option)
    except RuntimeError as error:
        raise _refused(name, option, value, limits, str(error)) from error
    if abs(got - value) > max(limits.step, 1e-6):
        raise _refused(name, option, value, limits, f"the device reports {got:g}")


def _refused(name: str, option: Any, value: float, limits: Any, why: str) -> ConfigError:
    word = str(option).rpartition(".")[2].lower()
    return ConfigError(
        f"{name}: got {word} {value:g} in the device's unit, expected {limits.min:g} to {limits.max:g} in steps of "
        f"{limits.step:g}; correct the setting ({why})."
    )


def _has_colour(rs: Any, sensor: Any) -> bool:
    return any(profile.stream_type() == rs.stream.color for profile in sensor.get_stream_profiles())
