"""A phone at the page: tilt through Chromium's own sensor override, WebXR by a fake at the browser's boundary."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.page.browsing import Program, attribute, chromium, needs_chromium, program, until, until_cleared
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, needs_chromium]
TELEOP = ("teleop", "pick-lift", "--device", "browser", "--page-address", "127.0.0.1:0")
RECORDER = """
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) {
    const message = JSON.parse(text);
    if (message.type === "motion") window.lastMotion = message;
    send.call(this, text);
  };
"""
FAKE_XR = """
  window.pose = { x: 0, y: 1, z: 0, qx: 0, qy: 0, qz: 0, qw: 1, lost: false };
  class Session extends EventTarget {
    visibilityState = "visible";
    async requestReferenceSpace() { return {}; }
    async updateRenderState() {}
    requestAnimationFrame(callback) {
      setTimeout(() => callback(0, { getViewerPose: () => window.pose.lost ? null : { transform: {
        position: { x: pose.x, y: pose.y, z: pose.z },
        orientation: { x: pose.qx, y: pose.qy, z: pose.qz, w: pose.qw } } } }), 30);
    }
    end() { this.dispatchEvent(new Event("end")); }
  }
  window.XRWebGLLayer = undefined;
  Object.defineProperty(navigator, "xr", { value: {
    isSessionSupported: async (mode) => mode === "immersive-ar",
    requestSession: async () => window.xrSession = new Session(),
  } });
"""


class Phone:
    """A page in a browser with a touch screen."""

    def __init__(self, browser: Any, url: str, script: str = "") -> None:
        self.context = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 412, "height": 860})
        self.context.add_init_script(RECORDER + script)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)
        until(self.page, "control", "yes")
        self._protocol = self.context.new_cdp_session(self.page)
        self._jitter = 0.0

    def tilt(self, beta: float, gamma: float = 0.0, alpha: float = 0.0) -> None:
        """Turn the phone; a hand is never quite still."""
        self._jitter = 0.3 - self._jitter
        angles = {"alpha": alpha, "beta": beta + self._jitter, "gamma": gamma}
        self._protocol.send("DeviceOrientation.setDeviceOrientationOverride", angles)

    def touch(self, kind: str) -> None:
        self.page.locator("#tilt").scroll_into_view_if_needed()
        box = self.page.locator("#tilt").bounding_box()
        points = [{"x": box["x"] + 30, "y": box["y"] + 15, "id": 1}] if kind == "touchStart" else []
        self._protocol.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def motion(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate("window.lastMotion ?? {held: false}")
        return found

    def press(self) -> None:
        """Put a finger down, also after what a computer that stood still has stopped."""
        until_cleared(self.page, "body[data-charge=idle]")
        self.touch("touchStart")

    def press_tilted(self, beta: float) -> None:
        """Put a finger down on a phone that is held at an angle, and wait until that is taken as the middle."""
        self.press()

        def followed() -> bool:
            self.tilt(beta)
            return bool(self.page.locator("#tilt[data-source=tilt]").count())

        eventually(followed)

    def take_over(self) -> None:
        """Tilt the phone until it moves the arm, and let go; again where the computer stood still, as people do."""

        def moves() -> bool:
            self.press_tilted(40.0)
            for _ in range(20):
                self.tilt(20.0)
                self.page.wait_for_timeout(100)
                if attribute(self.page, "charge") == "human":
                    break
            charge = attribute(self.page, "charge")
            self.touch("touchEnd")
            return charge == "human"

        eventually(moves, 120.0)

    def tilt_until(self, holds: Any, *angles: float) -> None:
        """Turn the phone until the motion that it sends is as expected."""

        def there() -> bool:
            self.tilt(*angles)
            return bool(holds(self.motion()))

        eventually(there)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def teleop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with program(Path(tmp_path_factory.mktemp("phone")), *TELEOP) as running:
        yield running


def test_tilt_since_the_finger_went_down_moves_the_arm_and_a_lifted_finger_or_silence_lets_go(
    browser: Any, teleop: Program
) -> None:
    phone = Phone(browser, teleop.url())
    phone.tilt(40.0)
    assert not phone.motion()["held"]
    phone.take_over()
    phone.press_tilted(40.0)
    assert phone.motion()["held"] and phone.motion()["move"] == [0, 0, 0]  # as it was held is the middle
    phone.tilt_until(lambda motion: motion["held"] and motion["move"][0] > 0.2 and motion["move"][1] == 0, 15.0)
    phone.tilt_until(lambda motion: motion["move"][0] < -0.2, 65.0)
    phone.tilt_until(lambda motion: motion["move"][1] < -0.1, 40.0, 25.0)  # the right edge down: to the right
    phone.tilt_until(lambda motion: motion["turn"][2] > 0.2, 40.0, 0.0, 25.0)
    phone.touch("touchEnd")
    eventually(lambda: not phone.motion()["held"])
    until(phone.page, "charge", "idle")

    phone.press_tilted(40.0)
    eventually(lambda: not phone.motion()["held"])  # the sensor says nothing any more, the finger is still down
    phone.tilt(10.0)
    assert not phone.motion()["held"]
    phone.touch("touchEnd")
    phone.press()
    phone.touch("touchCancel")
    eventually(lambda: not phone.motion()["held"])
    assert phone.errors == []
    phone.context.close()


def test_moved_phone_moves_the_arm_by_webxr_and_lost_tracking_lets_go(browser: Any, teleop: Program) -> None:
    phone = Phone(browser, teleop.url(), FAKE_XR)
    phone.page.click("#space")
    phone.page.wait_for_selector("#space.held", timeout=60_000)  # a pose has come
    phone.press()
    phone.page.wait_for_selector("#tilt[data-source=space]", timeout=60_000)
    for moved, axis, sign in (("pose.z = -0.05", 0, 1), ("pose.x = 0.05", 1, -1), ("pose.y = 1.05", 2, 1)):
        phone.page.evaluate(f"() => {{ {moved} }}")
        eventually(lambda axis=axis, sign=sign: sign * phone.motion()["move"][axis] > 0.2)
    phone.page.evaluate("() => { pose.qy = Math.sin(0.1); pose.qw = Math.cos(0.1); }")
    eventually(lambda: phone.motion()["turn"][2] > 0.1 and phone.motion()["turn"][:2] == [0, 0])
    phone.page.evaluate("() => { pose.lost = true; }")
    eventually(lambda: not phone.motion()["held"])
    phone.page.evaluate("() => { pose.lost = false; }")
    phone.page.wait_for_timeout(300)
    assert not phone.motion()["held"]  # the finger must be lifted first
    phone.touch("touchEnd")
    phone.press()
    eventually(lambda: phone.motion()["held"])
    phone.page.evaluate("window.xrSession.end()")
    eventually(lambda: not phone.motion()["held"])
    assert phone.errors == []
    phone.context.close()
