// The hand: pads, held buttons and keys, as one motion. Whatever ends a hold, also a lost focus, lets go.
const AXES = { w: ["move", 0, 1], s: ["move", 0, -1], a: ["move", 1, 1], d: ["move", 1, -1], r: ["move", 2, 1],
  f: ["move", 2, -1], l: ["turn", 0, 1], j: ["turn", 0, -1], i: ["turn", 1, 1], k: ["turn", 1, -1],
  q: ["turn", 2, 1], e: ["turn", 2, -1] };
const DEAD_BAND = 0.08;

export class Hand {
  constructor(onChange) {
    this.onChange = onChange;
    this.pads = {};
    this.keys = new Set();
    this.buttons = new Set();
    this.speed = 0.6;
    for (const name of ["blur", "pagehide"]) window.addEventListener(name, () => this.letGo());
    document.addEventListener("visibilitychange", () => document.hidden && this.letGo());
  }

  addPad(element) {
    const thumb = element.querySelector("i");
    const move = (event) => {
      const box = element.getBoundingClientRect(), radius = box.width / 2;
      let x = (event.clientX - box.left - radius) / (radius * 0.64);
      let y = (event.clientY - box.top - radius) / (radius * 0.64);
      const length = Math.hypot(x, y);
      if (length > 1) { x /= length; y /= length; }
      thumb.style.transform = `translate(${x * radius * 0.64}px, ${y * radius * 0.64}px)`;
      this.pads[element.dataset.axes] = [x, y].map(withoutDeadBand);
    };
    const release = () => {
      delete this.pads[element.dataset.axes];
      element.classList.remove("held");
      thumb.style.transform = "";
      this.onChange();
    };
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      element.setPointerCapture(event.pointerId);
      element.classList.add("held");
      move(event);
      this.onChange();
    });
    element.addEventListener("pointermove", (event) => { if (element.dataset.axes in this.pads) move(event); });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) element.addEventListener(end, release);
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.letGo = release;
    this.elements = [...(this.elements || []), element];
  }

  addButton(element, name) {
    const release = () => { this.buttons.delete(name); element.classList.remove("held"); this.onChange(); };
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      this.buttons.add(name);
      element.classList.add("held");
      this.onChange();
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) element.addEventListener(end, release);
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.letGo = release;
    this.elements = [...(this.elements || []), element];
  }

  owns(name) { return name in AXES || " og".includes(name); }

  // Returns whether the key belongs to the hand. One that repeats itself is no new press: what let go stays released.
  key(name, down) {
    if (!this.owns(name)) return false;
    const before = this.keys.size;
    if (down) this.keys.add(name); else this.keys.delete(name);
    if (before !== this.keys.size) this.onChange();
    return true;
  }

  letGo() {
    this.keys.clear();
    for (const element of this.elements) element.letGo();
    this.onChange();
  }

  motion() {
    const move = [0, 0, 0], turn = [0, 0, 0], axes = { move, turn };
    for (const key of this.keys) if (key in AXES) { const [part, axis, sign] = AXES[key]; axes[part][axis] += sign; }
    const plane = this.pads.plane || [0, 0], lift = this.pads.lift || [0, 0];
    move[0] -= plane[1]; move[1] -= plane[0]; move[2] -= lift[1]; turn[2] -= lift[0];
    const phone = this.buttons.has("phone") && this.phone?.axes;
    if (phone) for (const axis of [0, 1, 2]) { move[axis] += phone.move[axis]; turn[axis] += phone.turn[axis]; }
    const open = this.buttons.has("open") || this.keys.has("o"), close = this.buttons.has("close") || this.keys.has("g");
    const scale = (value) => Math.max(-1, Math.min(1, value)) * this.speed + 0;
    const held = this.keys.size > 0 || this.buttons.size > 0 || Object.keys(this.pads).length > 0;
    return { type: "motion", held, move: move.map(scale), turn: turn.map(scale), gripper: open - close };
  }
}

export function withoutDeadBand(value) {
  const size = Math.max(0, Math.abs(value) - DEAD_BAND) / (1 - DEAD_BAND);
  return Math.sign(value) * Math.min(1, size);
}
