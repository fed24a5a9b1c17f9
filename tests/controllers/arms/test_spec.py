"""Arms as data: the built-in ones against the numbers of their makers, and files that do not fit."""

from dataclasses import fields

import numpy as np
import pytest
import yaml

from controllers.arms.spec import ArmSpec, arm_limits, arm_names, driver_class, load_arm
from controllers.arms.values import ArmFileError
from controllers.drivers.libfranka import Contact
from controllers.host.control_stack import gains_of, make_stack
from controllers.law.control_loop import check_shapes
from controllers.law.gains import make_gains
from robot_rl.sim.simulation import Simulation
from robot_rl.tasks.pick_lift import TASK as PICK_LIFT
from tests.controllers.drivers.memory_link import MemoryLink
from tests.controllers.drivers.ur_kinematics import urdf_file
from tests.controllers.plant import HOME, Rig


@pytest.mark.parametrize("name", arm_names())
def test_built_in_arms_are_consistent(name):
    arm, limits = load_arm(name), arm_limits(name)
    joints = limits.q_lower.size
    assert len(arm.joints) == joints == len(arm.posture) and gains_of(arm).posture.size == joints
    assert (limits.q_lower < arm.posture).all() and (limits.q_upper > arm.posture).all()
    assert hasattr(driver_class(arm.driver), "from_arm")
    assert all(array.shape == (joints,) and array.dtype == np.float64 for array in limits[:5])
    assert (limits.q_lower < limits.q_upper).all()
    assert (limits.tau_rate_max <= 1000.0).all() and (limits.dq_max > 0.0).all() and (limits.tau_max > 0.0).all()


@pytest.mark.parametrize("name", ["fer", "fr3"])
def test_franka_arms_have_their_joints_torques(name):
    np.testing.assert_array_equal(arm_limits(name).tau_max, [87.0] * 4 + [12.0] * 3)
    check_shapes(Rig(make_gains(HOME), limits=arm_limits(name)).arrays)


def test_the_shipped_arms_are_these():
    assert arm_names() == [
        "fer", "fr3", "fr3_before_5_9", "kinova_gen3", "simulated", "ur10e", "ur3e", "ur5e", "xarm7",
    ]  # fmt: skip


def test_only_the_simulated_arm_is_a_simulator_and_it_has_no_address():
    for name in arm_names():
        if name != "simulated":
            assert load_arm(name, address="172.16.0.2").driver != "simulated"
    with pytest.raises(ArmFileError, match=r"got 'simulated' at 172.16.0.2, expected .*'fr3'"):
        load_arm("simulated", address="172.16.0.2")
    assert load_arm("simulated", address="172.16.0.2", driver="franky").driver == "franky"
    with pytest.raises(ArmFileError, match=r"address: got nothing, expected it for the driver 'franky'"):
        make_stack(load_arm("fer"))


def test_frankas_other_arms_have_their_own_limits_and_system():
    driver = make_stack(load_arm("fer", address="10.0.0.7")).driver
    assert driver._system == "FER with system 4.x" and driver._limits.dq_max[0] == 2.175
    old, new = arm_limits("fr3_before_5_9"), arm_limits("fr3")
    assert (old.q_upper < new.q_upper)[[0, 1, 3, 4, 5, 6]].all() and (old.dq_max == new.dq_max).all()


def test_ur_arms_have_six_joints_and_an_elbow_of_half_the_range():
    for name, shoulder, wrist in (("ur5e", 150.0, 28.0), ("ur10e", 330.0, 54.0), ("ur3e", 54.0, 9.0)):
        limits = arm_limits(name)
        assert limits.tau_max[0] == shoulder and limits.tau_max[5] == wrist
        assert limits.q_upper[2] == np.pi and limits.q_upper[0] == 2 * np.pi
    np.testing.assert_allclose(np.rad2deg(arm_limits("ur10e").dq_max), [120, 120, 180, 180, 180, 180])


def test_an_unknown_arm_names_the_known_ones():
    with pytest.raises(ValueError, match=r"arm: got 'panda', expected one of .*'fer'"):
        arm_limits("panda")


FILE = """
extends: fr3
address: 10.0.0.7
model: arm.urdf
payload: {mass_kg: 0.73, com_m: [0.0, 0.0, 0.06]}
limits: {dq_max: [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]}
gains:
  workspace_lower: [0.3, -0.3, 0.02]
  workspace_upper: [0.7, 0.3, 0.6]
  planes: [[0.0, 0.0, 1.0, 0.05]]
  cone_rad: 0.3
  friction_coulomb: 0.2
  integral_rate: 100.0
  integral_max: 5.0
"""


def write(folder, text, name="mine.yaml"):
    path = folder / name
    path.write_text(text)
    return str(path)


def test_a_file_changes_what_it_names_of_the_arm_that_it_extends(tmp_path):
    (tmp_path / "arm.urdf").touch()
    arm, base = load_arm(write(tmp_path, FILE)), load_arm("fr3")
    assert (arm.name, arm.address, arm.driver, arm.joints) == ("mine", "10.0.0.7", "franka", base.joints)
    assert arm.model == str(tmp_path / "arm.urdf")
    assert (arm.limits.dq_max == 1.0).all() and (arm.limits.tau_max == base.limits.tau_max).all()
    assert arm.payload.mass_kg == 0.73 and arm.payload.inertia_kg_m2[0, 0] > 0.0
    gains = gains_of(arm)
    assert gains.planes[0].tolist() == [0.0, 0.0, 1.0, 0.05] and gains.cone_rad == 0.3
    assert gains.friction_coulomb[6] == 0.2
    assert gains.integral_max[0] == 5.0 and gains.workspace_upper[2] == 0.6 and gains.speed_max[0] == 0.25


def test_an_argument_changes_a_field_and_an_empty_one_does_not(tmp_path):
    arm = load_arm(write(tmp_path, FILE), driver="franky", address="")
    assert arm.driver == "franky" and arm.address == "10.0.0.7"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("extends: fr4", r"arm: got 'fr4'.*did you mean 'fr3'"),
        ("extends: fr3\nadress: 1.2.3.4", r"got 'adress'.*did you mean 'address'"),
        ("driver: franka", r"got no joints, posture, limits"),
        ("- a\n- list", r"got list, expected a mapping"),
        ("a: [", r"expected YAML"),
        ("extends: fr3\ndriver: frankka", r"driver: got 'frankka'.*did you mean 'franka'"),
        ("extends: fr3\nposture: [0.0, .nan]", r"posture: got shape \(2,\), expected \(7,\)"),
        ("extends: fr3\nlimits: {tau_max: -1.0}", r"limits.tau_max: got \[-1"),
        ("extends: fr3\nlimits: {q_lower: 9.0}", r"limits.q_lower: got .*below q_upper"),
        ("extends: fr3\nlimits: {taumax: 1.0}", r"limits: got 'taumax'.*did you mean 'tau_max'"),
        ("extends: fr3\npayload: {mass_kg: -1.0}", r"payload.mass_kg: got"),
        ("extends: fr3\npayload: {com_m: 0.0}", r"payload: got no mass_kg, expected each of"),
        ("extends: fr3\npayload: 0.7", r"payload: got 0.7, expected a mapping"),
        ("extends: fr3\nposture: [9, 0, 0, -2, 0, 2, 0]", r"posture: got 9.0 for fr3_joint1, expected .*-2.9007"),
        ("extends: fr3\nposture: home", r"posture: got 'home', expected 7 numbers"),
        ("extends: fr3\nlimits: {dq_max: fast}", r"limits.dq_max: got 'fast', expected 7 numbers"),
        ("extends: fr3\njoints: 7", r"joints: got 7, expected a list of different names"),
        ("extends: fr3\njoints: [a, a, b, c, d, e, f]", r"joints: got .*expected a list of different names"),
        ("extends: fr3\naddress: 10", r"address: got 10, expected text; write it in quotes"),
        ("extends: fr3\ngains: guarded", r"gains: got 'guarded', expected a mapping"),
        ("extends: fr3\ntcp: {xyz: 0.1}", r"tcp: got 'xyz', expected one of .*did you mean 'xyz_m'"),
        ("extends: fr3\nrate_hz: -1", r"rate_hz: got \[-1.0\], expected values >= 0"),
        ("extends: mine.yaml", r"got an arm that extends itself"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_the_next_step(tmp_path, text, error):
    with pytest.raises(ValueError, match=error):
        load_arm(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("gains: {stifness: 100.0}", r"mine: gains: gains: got 'stifness'.*did you mean 'stiffness'"),
        ("gains: {preset: guardd}", r"mine: gains: preset: got 'guardd'"),
        ("gains: {stiffness: 9000.0}", r"mine: gains: force cap"),
        ("settings: {contact_torqe_nm: 10.0}", r"settings: got 'contact_torqe_nm'.*did you mean 'contact_torque_nm'"),
        ("driver: 'math:tau'", r"driver: got 'math:tau', expected a class with from_arm"),
        ("address: ''", r"address: got nothing, expected it for the driver 'franka'.*robot_ip"),
    ],
)
def test_gains_and_settings_that_do_not_fit_are_refused_before_anything_is_connected(tmp_path, text, error):
    start = "extends: fr3\n" + ("" if "address" in text else "address: 10.0.0.7\n")
    with pytest.raises(ArmFileError, match=error):
        make_stack(load_arm(write(tmp_path, start + text)))


def test_contact_thresholds_of_the_file_reach_the_driver(tmp_path):
    text = "extends: fr3\naddress: 10.0.0.7\nsettings: {contact_torque_nm: 25.0, realtime: false}"
    driver = make_stack(load_arm(write(tmp_path, text))).driver
    assert driver._contact == Contact(torque_nm=25.0) and driver._realtime is False


def test_the_simulated_arms_gains_are_those_of_its_task_with_the_checks_of_a_real_arm():
    checks = {
        "clip_targets": True,
        "start_checks": True,
        "state_age_max_s": 0.010,
        "recoveries_per_minute": 3.0,
        "ramp_s": 0.1,
    }
    task = Simulation(PICK_LIFT).gains.changed(**checks)
    own = gains_of(load_arm("simulated"))
    for name in own.fields:
        if name not in ("posture", "workspace_lower", "workspace_upper"):
            np.testing.assert_allclose(own[name], task[name], atol=1e-12, err_msg=name)
    # a wider box, which holds the posture, too: `~/home` leads there
    assert (own.workspace_lower <= task.workspace_lower).all() and (own.workspace_upper >= task.workspace_upper).all()


def test_rate_timeout_and_gravity_of_an_effort_arm_come_from_its_file(tmp_path):
    text = f"extends: ur5e\ndriver: effort\nmodel: {urdf_file('ur5e')}\nnamespace: left\n"
    text += "rate_hz: 250.0\n"
    text += "settings: {timeout_s: 0.05, gravity_in_command: true}"
    driver = make_stack(load_arm(write(tmp_path, text))).driver
    link = driver._link
    driver._link = MemoryLink(6)
    capabilities = driver.connect()
    assert (capabilities.rate_hz, capabilities.watchdog_s, capabilities.gravity_in_command) == (250.0, 0.05, True)
    assert link._namespace == "left" and link._joints == load_arm("ur5e").joints


@pytest.mark.parametrize("key", [entry.name for entry in fields(ArmSpec) if entry.name != "name"])
@pytest.mark.parametrize("value", ["[]", "{a: 1}", "true", "[1, [2]]", "2001-01-01", "[.nan]", "'x'"])
def test_any_wrong_value_of_any_key_is_an_error_that_names_the_key(tmp_path, key, value):
    try:
        load_arm(write(tmp_path, f"extends: ur5e\n{key}: {value}"))
    except ValueError as error:
        assert key in str(error) and "got" in str(error) and "expected" in str(error)
    else:  # text, settings and gains of any name are checked by who takes them
        assert isinstance(yaml.safe_load(value), str | dict)
