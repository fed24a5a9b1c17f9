// The phone as a stick: how it was turned, or with WebXR moved and turned, since a finger went down. Whatever ends the
// readings lets go: no sensor, silence, lost tracking, the end of the session.
import { withoutDeadBand } from "./joystick.js";

const FULL_RAD = 0.5, FULL_M = 0.1, SILENT_MS = 1000;
const RAD = Math.PI / 180;

export class Phone {
  constructor(hand, button, enter) {
    Object.assign(this, { hand, button, enter, zero: null, axes: null, session: null, heardMs: 0, listening: false });
    hand.phone = this;
    hand.addButton(button, "phone");
    button.addEventListener("pointerdown", () => this.begin());
    enter.addEventListener("click", () => { this.session ? this.session.end() : this.enterSpace(); enter.blur(); });
    navigator.xr?.isSessionSupported("immersive-ar").then((is) => { enter.hidden = !is; }, () => {});
    setInterval(() => { if (this.held && performance.now() - this.heardMs > SILENT_MS) this.lose(); }, 100);
  }

  get held() { return this.hand.buttons.has("phone"); }

  begin() {
    this.forget();
    this.heardMs = performance.now();
    if (this.listening) return;
    this.listening = true;
    const listen = () => window.addEventListener("deviceorientation", (event) => this.tilted(event));
    const ask = window.DeviceOrientationEvent?.requestPermission;  // Safari asks the person, once
    if (ask) ask.call(DeviceOrientationEvent).then((answer) => { if (answer === "granted") listen(); }, () => {});
    else listen();
  }

  lose() {
    if (this.held) this.button.letGo();
    this.forget();
  }

  forget() {
    this.zero = this.axes = null;
    delete this.button.dataset.source;
  }

  // ---- tilt: a = u x u0, for the direction u of up in the phone's frame; yaw is the compass's or the gyroscope's.
  tilted({ alpha, beta, gamma }) {
    if (this.session) return;
    if (beta === null || gamma === null) { this.lose(); return; }
    const b = beta * RAD, g = gamma * RAD;
    this.take({ up: [-Math.cos(b) * Math.sin(g), Math.sin(b), Math.cos(b) * Math.cos(g)], yaw: (alpha ?? 0) * RAD }, (now, zero) => {
      const [pitch, roll] = cross(now.up, zero.up), screenRad = (screen.orientation?.angle ?? 0) * RAD;
      const cos = Math.cos(screenRad), sin = Math.sin(screenRad);
      const forward = roll * sin - pitch * cos, right = roll * cos + pitch * sin;
      return { move: [forward, -right, 0].map((a) => a / FULL_RAD), turn: [0, 0, wrapped(now.yaw - zero.yaw) / FULL_RAD] };
    });
  }

  take(reading, compare) {
    this.heardMs = performance.now();
    if (!this.held) return;
    this.zero ??= reading;
    this.button.dataset.source = this.session ? "space" : "tilt";  // shown as followed
    const { move, turn } = compare(reading, this.zero);
    this.axes = { move: move.map(withoutDeadBand), turn: turn.map(withoutDeadBand) };
    this.hand.onChange();
  }

  // ---- in space
  async enterSpace() {
    try {
      const session = await navigator.xr.requestSession("immersive-ar", { requiredFeatures: ["dom-overlay"], domOverlay: { root: document.body } });
      this.lose();
      this.session = session;
      session.addEventListener("end", () => { this.session = null; this.enter.classList.remove("held"); this.lose(); });
      session.addEventListener("visibilitychange", () => { if (session.visibilityState !== "visible") this.lose(); });
      await this.draw(session);
      const space = await session.requestReferenceSpace("local");
      const frame = (_, now) => {
        if (this.session !== session) return;
        session.requestAnimationFrame(frame);
        this.moved(now.getViewerPose(space));
      };
      session.requestAnimationFrame(frame);
    } catch (error) {
      this.session?.end();
      console.warn(error);
    }
  }

  async draw(session) {  // a session without a layer to draw on gives no frames
    const gl = document.createElement("canvas").getContext("webgl", { xrCompatible: true });
    if (gl && window.XRWebGLLayer) await session.updateRenderState({ baseLayer: new XRWebGLLayer(session, gl) });
  }

  moved(pose) {
    if (!pose || pose.emulatedPosition) { this.lose(); return; }
    this.enter.classList.add("held");
    const { position, orientation } = pose.transform;
    this.take({ p: [position.x, position.y, position.z], R: matrix(orientation) }, (now, zero) => {
      const ahead = heading(zero.R), left = [ahead[2], 0, -ahead[0]], up = [0, 1, 0];
      const d = now.p.map((value, axis) => value - zero.p[axis]), w = rotation(now.R, zero.R);
      return { move: [ahead, left, up].map((axis) => dot(axis, d) / FULL_M), turn: [ahead, left, up].map((axis) => dot(axis, w) / FULL_RAD) };
    });
  }
}

// Forward of a phone that is held upright or flat: its back camera and its upper edge, seen from above.
function heading(R) {
  const x = R[0][1] - R[0][2], z = R[2][1] - R[2][2], length = Math.hypot(x, z) || 1;
  return [x / length, 0, z / length];
}

// Rotation vector of R1 R0^T, in the frame of the space; exact for its direction, the sine for its size.
function rotation(R1, R0) {
  const D = R1.map((row) => R0.map((other) => dot(row, other)));
  return [D[2][1] - D[1][2], D[0][2] - D[2][0], D[1][0] - D[0][1]].map((value) => value / 2);
}

function matrix({ x, y, z, w }) {
  return [[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
    [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
    [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]];
}

function dot(a, b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
function cross(a, b) { return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]; }
function wrapped(angle) { return Math.atan2(Math.sin(angle), Math.cos(angle)); }
