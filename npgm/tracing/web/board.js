"use strict";
// Charts side by side, of which the reader chooses what they show and on which axes.

class Board {
  // charts(): [{name, lines, marks}], as they now are. chosen: kinds shown at first.
  constructor(place, charts, chosen, choose) {
    Object.assign(this, {charts, choose, shown: []});
    const names = charts().map((chart) => chart.name);
    this.boxes = names.map((name) => this.box(name, chosen.includes(kind(name))));
    this.scaleY = this.select("axis", ["linear", "log", "signed log"]);
    this.scaleX = this.select("updates", ["linear", "log"]);
    this.together = this.box("in one chart", false);
    const legend = html("legend", {}, "shown");
    this.panels = html("div", {class: "panels"});
    place.append(html("fieldset", {class: "controls"}, legend,
      ...this.boxes.map((box) => box.parentNode)),
    html("p", {class: "controls"}, this.scaleY.parentNode, this.scaleX.parentNode,
      this.together.parentNode), this.panels);
  }

  box(name, checked) {
    const made = html("input", {type: "checkbox", value: name});
    made.checked = checked;
    made.addEventListener("change", () => this.draw());
    html("label", {}, made, ` ${name.replaceAll("_", " ")}`);
    return made;
  }

  select(label, choices) {
    const made = html("select", {}, ...choices.map((name) => html("option", {}, name)));
    made.addEventListener("change", () => this.draw());
    html("label", {}, `${label} `, made);
    return made;
  }

  draw() {
    const chosen = this.charts().filter((_, n) => this.boxes[n].checked);
    const panels = this.together.checked && chosen.length ? [joined(chosen)] : chosen;
    const scales = {x: this.scaleX.value, y: this.scaleY.value};
    this.shown = panels.map(({name, about, lines, marks}) => new Chart(
      name.replaceAll("_", " "), about, lines.map((line, n) => ({look: n, ...line})),
      marks, scales, this.choose));
    this.panels.replaceChildren(...this.shown.map((chart) => chart.panel));
    this.panels.classList.toggle("wide", panels.length === 1);
    if (this.step !== undefined) this.moveTo(this.step);
  }

  moveTo(step) {
    this.step = step;
    this.shown.forEach((chart) => chart.moveTo(step));
  }
}

// "silent" of "silent, hidden layer 1".
function kind(name) {
  return name.split(",")[0];
}

// Several charts as one: its lines say what they are of.
function joined(charts) {
  const name = charts.map((chart) => chart.name).join(", ");
  const lines = charts.flatMap((chart) => chart.lines.map((line) => ({...line,
    label: `${chart.name.replaceAll("_", " ")} ${line.label}`})));
  return {name, about: "", marks: charts.flatMap((chart) => chart.marks),
    lines: lines.map((line, n) => ({...line, look: n}))};
}
