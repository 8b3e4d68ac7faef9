"use strict";
// What is shown, and what changes it.

const held = JSON.parse(document.getElementById("held").textContent);
const numbers = held.arrays.map((array) => new Numbers(array));
const steps = Array.from(numbers[held.steps].values);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const by = (id) => document.getElementById(id);
const state = {place: 0, line: null, parameter: held.first, timer: null};
const boards = [];
let histograms = [], surface = null;

for (const trace of held.traces) {
  trace.rows = new Map(Array.from(numbers[trace.steps].values, (t, row) => [t, row]));
  trace.card = new Card(trace);
}
const longest = Math.max(1, ...held.traces.map((trace) => trace.lines?.length ?? 1));

// Lines of a chart, ready to be drawn; of the chosen parameter if they have no column.
function ready(lines) {
  const several = held.traces.length > 1;
  return lines.map(({trace, array, label, column}) => {
    const of = held.traces[trace], k = column ?? state.parameter;
    const all = numbers[array], rows = Array.from(numbers[of.steps].values);
    return {steps: rows, array: all, rowOf: (step) => of.rows.get(step),
      values: rows.map((_, row) => all.at(row, k)), text: (row) => all.text(row, k),
      ...(several ? {look: trace} : {}),
      label: [several ? of.label : "", label ?? ""].filter(Boolean).join(", ")};
  });
}

function charts(known) {
  return known.map((chart) => ({...chart, lines: ready(chart.lines)}));
}

function layer() {
  return held.charts.layers[by("layer").value];
}

// Everything as it is at the update and line of the state.
function show() {
  const step = steps[state.place];
  const line = state.line === null ? "" : `, line ${state.line + 1}`;
  by("slider").value = state.place;
  by("slider").setAttribute("aria-valuetext", `update ${step}`);
  by("where").textContent = `update ${step}${line}`;
  if (held.parameters.length) {
    held.traces.forEach(({card, rows}) => card.show(
      rows.get(step), state.parameter, state.line));
  }
  if (held.digits) showDigits(held, state.place, state.parameter);
  [...boards, ...histograms].forEach((one) => one.moveTo(step));
  surface?.moveTo(step);
}

// The line stays what it is, unless another is asked for.
function goTo(place, line = state.line) {
  state.place = Math.max(0, Math.min(steps.length - 1, place));
  if (state.line !== null) state.line = line;
  show();
}

function goToStep(step) {
  goTo(steps.indexOf(step));
}

// One line or one update on, or back; false at the end.
function move(direction) {
  const line = state.line === null ? NaN : state.line + direction;
  if (line >= 0 && line < longest) {
    state.line = line;
    show();
    return true;
  }
  const place = state.place + direction;
  if (place < 0 || place >= steps.length) return false;
  goTo(place, direction < 0 ? longest - 1 : 0);
  return true;
}

function pause() {
  clearInterval(state.timer);
  state.timer = null;
  by("where").ariaLive = "polite";
  by("play").textContent = "play";
}

function play() {
  if (state.timer !== null) return pause();
  if (calm.matches) return undefined;
  by("where").ariaLive = "off";         // not read aloud many times a second
  if (state.place === steps.length - 1) goTo(0, 0);
  const wait = Math.max(60, Math.min(500, 2e4 / steps.length));     // 20 s for all
  state.timer = setInterval(() => move(1) || pause(), state.line === null ? wait : 900);
  by("play").textContent = "pause";
  return undefined;
}

function heedMotion() {
  if (calm.matches) pause();
  by("play").disabled = calm.matches;
  by("still").hidden = !calm.matches;
}

function pressed(event) {
  const own = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (own || event.ctrlKey || event.altKey || event.metaKey) return;
  const direction = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  const button = /^(BUTTON|SUMMARY)$/.test(event.target.tagName);
  if (direction) {
    pause();
    move(direction);
  } else if (event.key === " " && !button) play();
  else return;
  event.preventDefault();
}

function listen() {
  by("slider").addEventListener("input", (event) => {
    pause();
    goTo(Number(event.target.value));
  });
  by("back").addEventListener("click", () => { pause(); move(-1); });
  by("forward").addEventListener("click", () => { pause(); move(1); });
  by("play").addEventListener("click", play);
  by("by").addEventListener("change", (event) => {
    pause();
    state.line = event.target.value === "line" ? 0 : null;
    show();
  });
  document.addEventListener("keydown", pressed);
  calm.addEventListener("change", heedMotion);
}

function board(id, known, chosen) {
  by(id).hidden = false;
  boards.push(new Board(by(id), known, chosen, (step) => { pause(); goToStep(step); }));
}

function parameters() {
  by("followed").hidden = false;
  by("worked").hidden = false;
  by("parameter").append(...held.parameters.map((name, k) =>
    html("option", {value: k}, name)));
  by("parameter").selectedIndex = held.first;
  by("updates").append(...held.traces.map((trace) => trace.card.panel));
  const first = held.traces.length > 1 ? ["step", "theta", "effective_rate"]
    : ["g", "m", "v", "step", "theta", "effective_rate"];
  board("of-parameter", () => charts(held.charts.parameter), first);
  const own = boards.at(-1);
  by("parameter").addEventListener("change", (event) => {
    state.parameter = Number(event.target.value);
    own.draw();
    show();
  });
}

function layers() {
  const names = Object.keys(held.charts.layers);
  if (!names.length) return;
  by("layer").append(...names.map((name) => html("option", {}, name)));
  board("of-layers", () => charts(layer().charts), ["ratio", "unchanged", "against"]);
  const own = boards.at(-1);
  const change = () => {
    const lines = ready(layer().histogram), unchanged = ready(layer().unchanged);
    histograms = lines.map((line, n) => histogram(line, unchanged[n], held.decades));
    by("histograms").replaceChildren(...histograms.map((one) => one.panel));
    own.draw();
  };
  by("layer").addEventListener("change", () => { change(); show(); });
  change();
}

function begin() {
  if (!steps.length) return;
  by("explorer").hidden = false;
  by("slider").max = steps.length - 1;
  by("digits").hidden = !held.digits;
  if (held.parameters.length) parameters();
  layers();
  if (held.charts.batch.length) {
    board("of-batch", () => charts(held.charts.batch),
      ["loss", "lead", "residual_rounded", "silent"]);
  }
  boards.forEach((one) => one.draw());
  if (held.ground) {
    by("path").hidden = false;
    surface = new Surface(by("surface"), held.ground, ready(held.ground.paths));
  }
  listen();
  heedMotion();
  show();
}

begin();
