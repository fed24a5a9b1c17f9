// The page: a live connection, the state that comes over it, and what the operator does.
import { Hand } from "./joystick.js";
import { Phone } from "./phone.js";
import { drawCurves, drawPeriods } from "./charts.js";

const HEARTBEAT_MS = 50, PING_MS = 500, SILENT_MS = 1000, STALE_MS = 1000, HOLD_TO_CLEAR_MS = 600, FINISH_MS = 5000;
const KEYS = { enter: "success", backspace: "failure", t: "stage", u: "undo", n: "go", p: "pause", v: "save", x: "stop", c: "clear" };
const CHARGE = {
  idle: ["Holding still", "Nothing moves the arm."],
  policy: ["Policy", "Hold a stick to take over."],
  retreat: ["Retreat", "It was stuck. Hold a stick to take over."],
  human: ["You", "Let go to hand back."],
  person: ["A person", "Another device or browser moves the arm."],
  estop: ["Stopped", "Clear the stop to go on."],
  none: ["Not connected", "Start the program, and leave this page open."],
};
const SIGNS = { success: "✓", failure: "✕", end: "–", fault: "▲", label: "⚑", button: "●", charge: "◆", correction: "✎", prompt: "›", note: "↓", page: "·" };
const byId = (id) => document.getElementById(id);
const body = document.body;

let socket = null, state = null, hadControl = false, heardMs = 0, shown = {}, periods = [], lastStep = "", finishUntilMs = 0;
const hand = new Hand(() => send(hand.motion()));

// ---- connection
function connect() {
  const live = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live${location.search}`);
  live.binaryType = "arraybuffer";
  live.onopen = () => { socket = live; send({ type: "ping", sent: performance.now() }); };
  live.onmessage = ({ data }) => { if (typeof data === "string") receive(JSON.parse(data)); else showImage(data); };
  live.onclose = () => { hadControl ||= Boolean(socket && state?.control); socket = null; hand.letGo(); setTimeout(connect, 400); show(); };
}

function send(message) {
  if (!socket || socket.readyState !== WebSocket.OPEN) return;
  if (message.type === "motion" && !state?.control) return;
  socket.send(JSON.stringify(message));
}

function receive(message) {
  heardMs = performance.now();
  if (message.type === "pong") shown.link = Math.max(0, heardMs - message.sent);
  else if (message.type === "progress") { showProgress(message); return; }
  else if (message.type === "state") {
    const had = state?.control;
    state = message;
    if (had && !state.control) hand.letGo();
    if (hadControl && !state.control && !state.held_by_another) send({ type: "control", take: true });  // the page was started again
    hadControl = false;
    if (performance.now() < finishUntilMs) press("finish");  // was confirmed while the connection was down
    notePeriod(state.view);
  }
  show();
}

// ---- input
function press(button) {
  if (button !== "stop" && !state?.control) return;
  send({ type: "press", button });
  const element = document.querySelector(`[data-press="${button}"]`);
  if (element) { element.classList.add("sent"); setTimeout(() => element.classList.remove("sent"), 250); }
}

for (const button of document.querySelectorAll("[data-press]")) button.addEventListener("click", () => { press(button.dataset.press); button.blur(); });
byId("stop").addEventListener("pointerdown", () => press("stop"));
byId("stop").addEventListener("keydown", (event) => { if (event.key === " " || event.key === "Enter") press("stop"); });
byId("take").addEventListener("click", () => { send({ type: "control", take: true }); byId("take").blur(); });
byId("finish").addEventListener("click", () => byId("sure").showModal());
byId("sure").addEventListener("close", () => { if (byId("sure").returnValue === "yes") { finishUntilMs = performance.now() + FINISH_MS; press("finish"); } byId("finish").blur(); });
byId("speed").addEventListener("input", ({ target }) => { hand.speed = target.value / 100; byId("speed-text").value = `${target.value} %`; });
byId("speed").addEventListener("change", ({ target }) => target.blur());

let clearing = 0;
const clear = byId("clear");
clear.addEventListener("pointerdown", () => { clear.classList.add("held"); clearing = setTimeout(() => { press("clear"); clear.classList.remove("held"); }, HOLD_TO_CLEAR_MS); });
for (const end of ["pointerup", "pointercancel", "pointerleave"]) clear.addEventListener(end, () => { clearTimeout(clearing); clear.classList.remove("held"); });

hand.addPad(byId("plane"));
hand.addPad(byId("lift"));
hand.addButton(byId("hold"), "hold");
hand.addButton(byId("open"), "open");
hand.addButton(byId("close"), "close");
const handheld = matchMedia("(pointer: coarse)").matches;
if (handheld && window.isSecureContext) { byId("phone").hidden = false; new Phone(hand, byId("tilt"), byId("space")); }
else if (handheld) byId("insecure").hidden = false;

window.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  if (key === "x" && !event.ctrlKey && !event.metaKey) { if (!event.repeat) press("stop"); event.preventDefault(); return; }
  if (event.ctrlKey || event.altKey || event.metaKey || byId("sure").open) return;
  if (event.repeat) { if (hand.owns(key) || key in KEYS) event.preventDefault(); return; }
  if (hand.key(key, true)) event.preventDefault();
  else if (key in KEYS && !(event.target instanceof HTMLButtonElement && key === "enter")) { press(KEYS[key]); event.preventDefault(); }
});
window.addEventListener("keyup", (event) => { if (hand.key(event.key.toLowerCase(), false)) event.preventDefault(); });

setInterval(() => { if (!document.hidden) send(hand.motion()); }, HEARTBEAT_MS);
setInterval(() => send({ type: "ping", sent: performance.now() }), PING_MS);
setInterval(show, 250);

// ---- look
const saved = localStorage.getItem("theme");
const theme = (name) => { document.documentElement.dataset.theme = name; localStorage.setItem("theme", name); };
document.documentElement.dataset.theme = saved || (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
byId("theme").addEventListener("click", () => { theme(document.documentElement.dataset.theme === "light" ? "dark" : "light"); byId("theme").blur(); });

function text(id, value) { const element = byId(id); if (element.textContent !== value) element.textContent = value; }

function show() {
  const up = socket !== null && performance.now() - heardMs < SILENT_MS;
  const view = up && state ? state.view : {}, device = up && state ? state.device : {};
  const stopped = Boolean(device.stopped) || view.charge === "estop";
  const charge = !up || !("stopped" in device) ? "none" : stopped ? "estop" : device.paused ? "idle"
    : view.charge !== "human" || (device.engaged && state.control) ? view.charge || "idle" : device.sole && state.control ? "idle" : "person";
  Object.assign(body.dataset, { charge, link: up ? "up" : "down", control: up && state?.control ? "yes" : "no", stopped: device.stopped ? "yes" : "no" });
  const [name, more] = CHARGE[charge];
  text("charge-name", charge === "idle" && device.paused ? "Paused" : name);
  const unheard = !stopped && state?.control && hand.motion().held && (device.locked || (device.engaged && charge === "idle"));
  text("charge-more", unheard ? "Let go, then hold again." : charge === "idle" && device.paused ? "Go starts the next episode." : more);
  byId("charge-icon").setAttribute("href", `#i-${{ person: "human", retreat: "policy" }[charge] ?? charge}`);
  document.querySelector("#link b").textContent = up ? `${(shown.link ?? 0).toFixed(0)} ms` : "offline";
  text("role", !up ? "waiting" : state?.control ? "in control" : state?.held_by_another ? "another browser has control" : "watching");
  byId("take").hidden = !up || state?.control;
  text("title", state?.title || "robot-rl");
  text("subtitle", "robot-rl · operator");
  document.title = `${state?.title ? state.title + " · " : ""}robot-rl`;
  showEpisode(view);
  text("prompt", device.prompt || "");
  if (device.prompt) byId("prompt").classList.add("used");  // keeps its place from now on: no joystick moves away under a hand
  banner(up, device);
  showEvents();
  for (const figure of document.querySelectorAll("figure")) figure.classList.toggle("stale", performance.now() - figure.shownMs > STALE_MS && !device.prompt && !device.paused && !stopped);
}

function banner(up, device) {
  const text = !up ? (state ? "No connection to the program. It holds the arm, or has ended. This page connects again by itself." : "")
    : !state?.control && state?.held_by_another ? "You are watching: another browser has control. STOP works here, too." : "";
  byId("banner").hidden = !text;
  if (byId("banner").textContent !== text) byId("banner").textContent = text;
}

function showEpisode(view) {
  const known = view.episode !== undefined;
  text("episode", known ? `Episode ${view.episode} · step ${view.step}` : "No episode yet");
  const limit = view.limit_s, left = limit ? Math.max(0, limit - view.time_s) : null;
  text("clock", !known ? "–" : left === null ? `${view.time_s.toFixed(1)} s` : `${left.toFixed(1)} s left of ${limit.toFixed(0)}`);
  byId("time").firstElementChild.style.width = known && limit ? `${Math.min(100, 100 * view.time_s / limit)}%` : "0";
  byId("time").classList.toggle("late", left !== null && left < 2);
  text("force", view.force_n == null ? "–" : `${view.force_n.toFixed(1)} N`);
  byId("force-bar").firstElementChild.style.width = `${Math.min(100, (view.force_n || 0) / 0.3)}%`;
  byId("force-bar").classList.toggle("late", (view.force_n || 0) > 15);
  text("gripper", view.opening_m == null ? "–" : `${(1000 * view.opening_m).toFixed(0)} mm`);
  text("height", view.height_m == null ? "–" : `${(1000 * view.height_m).toFixed(0)} mm`);
  text("version", view.version == null || view.version < 0 ? "–" : `${view.version.toLocaleString("en")}${view.explores ? " ~" : ""}`);
  if (view.labels?.length) shown.label = view.labels.at(-1);
  const events = state?.events || [];
  const last = [...events].reverse().find(([, kind, what]) => kind === "label" || (kind === "button" && ["success", "failure", "stage", "undo"].includes(what.slice(8))));
  text("label", last ? last[2].split(": ")[1] : "–");
}

function showEvents() {
  const events = state?.events || [], key = events.length ? events.length + ":" + events.at(-1)[0] : "";
  if (shown.events === key) return;
  shown.events = key;
  byId("events").replaceChildren(...events.slice().reverse().map(([wall, kind, what]) => {
    const item = document.createElement("li"), time = document.createElement("time"), sign = document.createElement("i"), span = document.createElement("span");
    item.className = `ev-${kind}`;
    time.textContent = new Date(1000 * wall).toLocaleTimeString("en-GB");
    sign.textContent = SIGNS[kind] || "·";
    span.textContent = what;
    item.append(time, sign, span);
    return item;
  }));
}

// ---- images
function showImage(packet) {
  heardMs = performance.now();
  const bytes = new Uint8Array(packet), size = bytes[0];
  const name = new TextDecoder().decode(bytes.subarray(1, 1 + size));
  let figure = document.querySelector(`figure[data-name="${CSS.escape(name)}"]`);
  if (!figure) {
    figure = document.createElement("figure");
    figure.dataset.name = name;
    figure.times = [];
    const image = document.createElement("img"), caption = document.createElement("figcaption"), rate = document.createElement("span");
    image.alt = `camera ${name}`;
    image.onload = () => { URL.revokeObjectURL(image.src); figure.style.setProperty("--shape", image.naturalWidth / image.naturalHeight); };
    caption.append(name, rate);
    figure.append(image, caption);
    byId("no-image")?.remove();
    const after = [...document.querySelectorAll("figure")].find((other) => other.dataset.name > name);
    byId("cameras").insertBefore(figure, after || null);
  }
  figure.shownMs = performance.now();
  figure.times = [...figure.times.slice(-20), figure.shownMs];
  figure.frames = (figure.frames || 0) + 1;
  const rate = (figure.times.length - 1) / ((figure.times.at(-1) - figure.times[0]) / 1000);
  figure.querySelector("span").textContent = Number.isFinite(rate) ? `${rate.toFixed(1)} fps` : "";
  figure.querySelector("img").src = URL.createObjectURL(new Blob([bytes.subarray(1 + size)], { type: "image/jpeg" }));
}

// ---- loop and progress
function notePeriod(view) {
  const key = `${view.episode}:${view.step}`;
  if (key === lastStep || view.period_ms == null) { lastStep = key; return; }
  lastStep = key;
  periods = [...periods.slice(-99), view.period_ms];
  shown.planned = view.planned_ms;
  drawPeriods(byId("spark"), periods, view.planned_ms);
}

function quantile(values, share) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

function percent(value) { return value == null ? "–" : `${Math.round(100 * value)} %`; }

function showProgress(progress) {
  showArms(progress.actors ?? []);
  const alone = progress.evaluated, count = progress.unhelped_episodes;
  const none = !alone && state?.view?.version < 0;
  text("unhelped", none ? "–" : percent(alone ? alone.successes / alone.episodes : progress.unhelped));
  text("unhelped-of", none ? "no policy acts here" : alone ? `of ${alone.episodes} episodes of the policy alone, as it was at step ${number(alone.step)}` : count ? `of the last ${count} episode${count > 1 ? "s" : ""} that the policy did alone` : "of the episodes that the policy does alone: none yet");
  const key = JSON.stringify([progress.curves, byId("chart").clientWidth]);
  if (shown.curves !== key) { shown.curves = key; drawCurves(byId("chart"), progress.curves, progress.episodes); }
  cells("numbers", [["All episodes", percent(progress.success)], ["Human", percent(progress.human)], ["Episodes", number(progress.episodes)],
    ["Steps", number(progress.env_steps)], ...(progress.updates == null ? [] : [["Updates", number(progress.updates)]])]);
  const view = state?.view || {}, timing = view.timing || {}, late = periods.length && quantile(periods, 0.99) > 1.25 * shown.planned;
  const verdict = byId("loop-verdict");
  verdict.textContent = periods.length ? (late ? "▲ late steps" : "✓ in time") : "";
  verdict.className = late ? "warn" : "";
  const rows = [["Period", periods.length ? `${quantile(periods, 0.5).toFixed(0)} ms, p99 ${quantile(periods, 0.99).toFixed(0)} ms` : "–", late],
    ["Late steps", view.missed == null ? "–" : number(view.missed), view.missed > 0],
    ...Object.entries(timing).map(([name, ms]) => [name.replace(/_ms$/, "").replaceAll("_", " "), `${ms.toFixed(0)} ms`, false]),
    ...(progress.backlog == null ? [] : [["Records on the way", number(progress.backlog), progress.backlog > 500]]),
    ...(progress.weights_age_s == null ? [] : [["Age of the weights", `${progress.weights_age_s.toFixed(1)} s`, progress.weights_age_s > 30]]),
    ...Object.entries(progress.losses ?? {}).map(([name, count]) => [name[0].toUpperCase() + name.slice(1), number(count), true]),
    ...(progress.spool_mb == null ? [] : [["Spool", `${progress.spool_mb.toFixed(1)} MB`, false]]),
    ["Disk free", `${progress.disk_free_gb.toFixed(0)} GB`, progress.disk_free < 0.05]];
  byId("health").replaceChildren(...rows.flatMap(([name, value, warn]) => {
    const term = document.createElement("dt"), detail = document.createElement("dd");
    term.textContent = name; detail.textContent = value; detail.className = warn ? "warn" : "";
    return [term, detail];
  }));
}

// One operator, several arms: those that need help first; a name leads to the page of its arm.
function showArms(arms) {
  const calling = arms.filter((arm) => arm.need).length, several = arms.length > 1;
  byId("arms").hidden = !several;
  text("arms-verdict", calling ? `▲ ${calling} need${calling > 1 ? "" : "s"} help` : "✓ none needs help");
  byId("arms-verdict").className = calling ? "warn" : "";
  const alert = byId("calling");
  alert.hidden = !(several && calling);
  text("calling", `▲ ${arms[0]?.name ?? ""}${calling > 1 ? ` and ${calling - 1} more` : ""}`);
  const key = JSON.stringify(arms);
  if (shown.arms === key) return;
  shown.arms = key;
  byId("arms-list").replaceChildren(...arms.map((arm) => {
    const row = document.createElement("li"), other = arm.port && String(arm.port) !== location.port;
    const name = document.createElement(other ? "a" : "b"), words = document.createElement("span"), share = document.createElement("em");
    row.className = arm.need ? (arm.stuck ? "stuck" : "need") : "";
    name.textContent = arm.name;
    if (other) name.href = `${location.protocol}//${location.hostname}:${arm.port}/${location.search}`;
    words.textContent = arm.need || (arm.state || "not started");
    share.textContent = percent(arm.success);
    row.append(name, words, share);
    return row;
  }));
}

function number(value) { return value == null ? "–" : Math.round(value).toLocaleString("en"); }

function cells(id, rows) {
  byId(id).replaceChildren(...rows.map(([name, value]) => {
    const cell = document.createElement("div"), label = document.createElement("span"), bold = document.createElement("b");
    label.textContent = name; bold.textContent = value;
    cell.append(label, bold);
    return cell;
  }));
}

connect();
