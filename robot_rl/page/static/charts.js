// Two small charts, as SVG: success over environment steps, and the periods of the last steps.
const SVG = "http://www.w3.org/2000/svg";

function node(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

const SERIES = [["human", "a person's share", "var(--orange)", 1.6, "2 4"], ["success", "all episodes", "var(--dim)", 1.6, ""],
  ["unhelped", "without help", "var(--blue)", 3, ""], ["evaluated", "evaluated alone", "var(--text)", 3, ""]];

export function drawCurves(host, curves, episodes) {
  host.replaceChildren();
  if (!curves || curves.success.length < 2) {
    const empty = document.createElement("div");
    empty.className = "empty";
    empty.textContent = episodes ? "The curve begins with the second episode." : "The curve begins when episodes have ended.";
    host.append(empty);
    return;
  }
  const width = Math.max(320, host.clientWidth), height = 190, left = 40, right = 118, top = 8, bottom = 24;
  const xMax = Math.max(...SERIES.flatMap(([key]) => curves[key].map((point) => point[0])));
  const px = (x) => left + (width - left - right) * x / xMax, py = (y) => top + (height - top - bottom) * (1 - y);
  const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Success over environment steps" });
  for (const y of [0, 0.5, 1]) {
    svg.append(node("line", { x1: left, x2: width - right, y1: py(y), y2: py(y), class: "axis" }));
    svg.append(node("text", { x: left - 8, y: py(y) + 4, "text-anchor": "end" }, `${100 * y} %`));
  }
  svg.append(node("text", { x: left, y: height - 4 }, "0"));
  svg.append(node("text", { x: width - right, y: height - 4, "text-anchor": "end" }, `${xMax.toLocaleString("en")} steps`));
  const ends = [];
  for (const [key, name, colour, thick, dashes] of SERIES) {
    const points = curves[key];
    if (!points.length) continue;
    const line = points.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(" ");
    svg.append(node("polyline", { points: line, fill: "none", stroke: colour, "stroke-width": thick, "stroke-dasharray": dashes, "stroke-linejoin": "round", "stroke-linecap": "round" }));
    const [x, y] = points[points.length - 1];
    ends.push({ name, colour, y: py(y), x: px(x) });
    svg.append(node("circle", { cx: px(x), cy: py(y), r: thick + 1, fill: colour }));
  }
  ends.sort((one, other) => one.y - other.y);
  ends.forEach((end, index) => { if (index) end.y = Math.max(end.y, ends[index - 1].y + 15); });
  const over = Math.max(0, (ends.at(-1)?.y ?? 0) - (height - bottom));
  for (const end of ends) svg.append(node("text", { x: width - right + 12, y: end.y - over + 4, style: `fill:${end.colour};font-weight:600` }, end.name));
  host.append(svg);
}

export function drawPeriods(host, periods, planned) {
  const width = Math.max(200, host.clientWidth), height = 62, limit = 2 * planned;
  const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Time between two steps" });
  const py = (ms) => height - 4 - (height - 8) * Math.min(ms, limit) / limit;
  svg.append(node("line", { x1: 0, x2: width, y1: py(planned), y2: py(planned), stroke: "var(--line)", "stroke-dasharray": "4 4" }));
  const step = width / 100;
  periods.forEach((ms, index) => {
    const late = ms > 1.25 * planned, y = py(ms);
    svg.append(node("rect", { x: (index * step + 0.5).toFixed(1), y: y.toFixed(1), width: Math.max(1, step - 1.5).toFixed(1), height: (height - 4 - y).toFixed(1), rx: 1, fill: late ? "var(--orange)" : "var(--blue)", opacity: late ? 1 : 0.55 }));
  });
  host.replaceChildren(svg);
}
