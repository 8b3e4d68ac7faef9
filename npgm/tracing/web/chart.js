"use strict";
// A line chart over the updates, with a cursor at the one shown. Lines are told apart
// by dashes, markers and color: look n has them all, and every look in 36 is another.

const WIDTH = 360, HEIGHT = 210, LEFT = 56, RIGHT = 10, TOP = 10, BOTTOM = 26;
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2"];
const SHAPES = ["M-3.5-3.5h7v7h-7z", "M0-4.5L4.5 3.5h-9z", "M0-5L4 0L0 5L-4 0z",
  "M-4 0h8M0-4v8", "M-3.5-3.5l7 7m0-7l-7 7", "M-4.5-3.5h9L0 4.5z"];
const LOOKS = 6, MARKED = 7, DOTTED = 40;  // markers a line; of fewer points, all

const SCALES = {
  "linear": () => ({forward: (x) => x, ticks: evenTicks}),
  "log": () => ({forward: (x) => (x > 0 ? Math.log10(x) : NaN), ticks: logTicks}),
  // Linear around 0, up to the smallest number shown, and logarithmic beyond.
  "signed log": (values) => {
    const sizes = values.map(Math.abs).filter((size) => size > 0);
    const largest = sizes.reduce((a, b) => Math.max(a, b), 1e-300);
    const near = sizes.reduce((a, b) => Math.min(a, b), largest);
    const unit = Math.max(near, largest * 1e-12);
    const forward = (x) => Math.sign(x) * Math.log10(1 + Math.abs(x) / unit);
    return {forward, ticks: (low, high) => signedTicks(low, high, unit, forward)};
  },
};

function element(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function html(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function evenTicks(low, high) {
  const most = (high - low) / 3 || 1;
  const power = 10 ** Math.floor(Math.log10(most));
  const unit = [5, 2, 1].find((n) => n * power <= most) * power;
  const found = [];
  for (let n = Math.ceil(low / unit); n * unit <= high && found.length < 9; n++) {
    found.push(Number((n * unit).toPrecision(12)));
  }
  return found;
}

function logTicks(low, high) {
  const first = Math.ceil(Math.log10(low)), last = Math.floor(Math.log10(high));
  if (last - first < 1) return evenTicks(low, high).filter((x) => x > 0);
  const every = Math.ceil((last - first) / 5);
  const found = [];
  for (let power = first; power <= last; power += every) found.push(10 ** power);
  return found;
}

function signedTicks(low, high, unit, forward) {
  const reach = forward(Math.max(Math.abs(low), Math.abs(high)));
  const every = Math.max(1, Math.ceil(reach / (low < 0 && high > 0 ? 2.5 : 5)));
  const first = Math.ceil(Math.log10(unit));
  const found = [0];
  for (let n = first + every - 1; n <= first + reach; n += every) {
    found.push(10 ** n, -(10 ** n));
  }
  const seen = found.filter((x) => x >= low && x <= high);
  return seen.length > 1 ? seen : evenTicks(low, high);
}

// From values to units of the drawing: {place(x), ticks}. start, end: where the lowest
// and the highest stand that the scale can show.
function axis(scale, values, start, end) {
  const {forward, ticks} = SCALES[scale](values);
  const seen = values.filter((x) => Number.isFinite(forward(x)));
  let low = seen.reduce((a, b) => Math.min(a, b), Infinity);
  let high = seen.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!seen.length) [low, high] = [1, 1];
  const [from, to] = [forward(low), forward(high)];
  const place = (x) => (from === to ? (start + end) / 2
    : start + (end - start) * ((forward(x) - from) / (to - from)));
  return {place, ticks: from === to ? [low] : ticks(low, high)};
}

// Lines {label, look, steps, values, rowOf(step), text(row)}, marks [[where, what]].
class Chart {
  constructor(heading, about, lines, marks, scales, choose) {
    this.lines = lines;
    this.drawing = element("svg", {class: "drawing chart", role: "img",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      "aria-label": `${heading} over the updates; its numbers are in the list below`});
    this.key = html("ul", {class: "key"});
    this.note = html("p", {class: "note"});
    this.panel = html("div", {class: "panel"}, html("h4", {}, heading),
      html("p", {class: "note"}, about), this.drawing, this.key, this.note);
    this.setAxes(marks, scales);
    this.drawGround();
    lines.forEach((line) => this.drawLine(line));
    this.drawMarks(marks);
    this.cursor = element("line", {class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM});
    this.dots = lines.map(({look}) => element("circle",
      {...dressed("dot", look), r: 4}));
    this.drawing.append(this.cursor, ...this.dots);
    this.outputs = lines.map((line) => this.addToKey(line));
    this.listen(choose);
  }

  setAxes(marks, {x, y}) {
    const values = this.lines.flatMap((line) => line.values).filter(Number.isFinite);
    const steps = this.lines.flatMap((line) => line.steps);
    this.across = axis(x, steps, LEFT, WIDTH - RIGHT);
    this.up = axis(y, [...values, ...marks.map(([where]) => where)],
      HEIGHT - BOTTOM, TOP);
    const lost = y === "log" ? values.filter((value) => value <= 0).length : 0;
    this.note.textContent = lost
      ? `${lost} of ${values.length} numbers are not above 0: a log axis has no place `
        + "for them, a signed one has." : "";
  }

  drawGround() {
    for (const value of this.up.ticks) {
      const y = this.up.place(value);
      this.drawing.append(
        element("line", {class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y}),
        element("text", {x: LEFT - 5, y: y + 4, "text-anchor": "end"}, rough(value)));
    }
    for (const step of this.across.ticks) {
      this.drawing.append(element("text", {x: this.across.place(step), y: HEIGHT - 8,
        "text-anchor": "middle"}, rough(step)));
    }
  }

  drawMarks(marks) {
    for (const [where, what] of marks) {
      const y = this.up.place(where);
      this.drawing.append(
        element("line", {class: "mark", x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y}),
        element("text", {x: LEFT + 4, y: y + (y < TOP + 15 ? 13 : -5)}, what));
    }
  }

  drawLine(line) {
    const points = line.steps.map((step, row) =>
      [this.across.place(step), this.up.place(line.values[row])]);
    const drawn = points.map(([, y]) => Number.isFinite(y));
    const path = points.map(([x, y], n) => (drawn[n]
      ? `${drawn[n - 1] ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}` : "")).join("");
    this.drawing.append(element("path", {d: path, ...dressed("line", line.look)}));
    const every = points.length <= DOTTED ? 1 : Math.ceil(points.length / MARKED);
    points.forEach(([x, y], n) => {
      const alone = drawn[n] && !drawn[n - 1] && !drawn[n + 1];
      const turn = (n + Math.round((line.look % LOOKS) * every / LOOKS)) % every === 0;
      if (drawn[n] && (alone || turn)) this.drawing.append(marker(x, y, line.look));
    });
  }

  addToKey(line) {
    const piece = element("svg", {width: 40, height: 12, "aria-hidden": "true"},
      element("path", {d: "M2 6H38", ...dressed("line", line.look)}),
      marker(20, 6, line.look));
    const output = html("span", {class: "value"});
    this.key.append(html("li", {}, piece, html("span", {}, line.label, " ", output)));
    return output;
  }

  // A tap, or a finger or mouse that is drawn along, chooses an update.
  listen(choose) {
    const toStep = (event) => {
      const box = this.drawing.getBoundingClientRect();
      const x = (event.clientX - box.left) * WIDTH / box.width;
      const steps = this.lines.flatMap((line) => line.steps);
      if (!steps.length) return;
      choose(steps.reduce((best, step) => (Math.abs(this.across.place(step) - x)
        < Math.abs(this.across.place(best) - x) ? step : best)));
    };
    this.drawing.addEventListener("pointerdown", (event) => {
      this.drawing.setPointerCapture(event.pointerId);
      toStep(event);
    });
    this.drawing.addEventListener("pointermove", (event) => {
      if (event.buttons) toStep(event);
    });
  }

  moveTo(step) {
    const x = this.across.place(step);
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    this.lines.forEach((line, n) => {
      const row = line.rowOf(step);
      this.outputs[n].textContent = row === undefined ? "none" : line.text(row);
      const y = row === undefined ? NaN : this.up.place(line.values[row]);
      putAt(this.dots[n], x, y);
    });
  }
}

// Attributes of a line, or of what belongs to it, in the n-th look.
function dressed(kind, n) {
  const made = {class: `${kind} look${n % LOOKS}`};
  if (kind !== "line") return made;
  return {...made, "stroke-dasharray": DASHES[(n + Math.floor(n / LOOKS)) % LOOKS]};
}

function marker(x, y, n) {
  return element("path", {...dressed("marker", n),
    d: SHAPES[(n + 2 * Math.floor(n / LOOKS)) % LOOKS],
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`});
}

// A dot where a line is now; hidden where it is nowhere.
function putAt(dot, x, y) {
  const somewhere = Number.isFinite(x) && Number.isFinite(y);
  dot.setAttribute("visibility", somewhere ? "visible" : "hidden");
  if (somewhere) dot.setAttribute("transform", `translate(${x} ${y})`);
}
