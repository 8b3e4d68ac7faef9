"use strict";
// One update: the rule with its numbers, the sizes of its steps, the images it saw.

// The card of one optimizer.
class Card {
  constructor(trace) {
    this.trace = trace;
    this.body = html("div");
    this.panel = html("details", {open: "", class: "card"},
      html("summary", {}, trace.label), this.body);
  }

  // The update at a row of the trace, for the k-th parameter. lit: the line that is
  // being computed, or null where all of them are.
  show(row, k, lit) {
    const {ended, given, lines, made, about} = this.trace;
    if (row === undefined) {
      this.body.replaceChildren(html("p", {class: "note"}, ended
        ? `It ${ended}: nothing is recorded here.` : "Nothing is recorded here."));
      return;
    }
    const read = (array) => numbers[array].text(row, k);
    this.body.replaceChildren(list("given", given, read),
      lines ? rule(lines, read, lit) : html("p", {class: "note"},
        "Its rule cannot be read line by line: these are the quantities it names."),
      list("made", made, read), list("about", about, read));
  }
}

function list(kind, known, read) {
  return html("dl", {class: kind}, ...known.map(([name, array]) => html("div", {},
    html("dt", {}, name.replaceAll("_", kind === "about" ? " " : "_")),
    html("dd", {}, read(array)))));
}

function rule(lines, read, lit) {
  return html("ol", {class: "rule"}, ...lines.map((line, n) => {
    const item = html("li", {}, ...worked(line, read));
    if (lit !== null && n === Math.min(lit, lines.length - 1)) {
      item.setAttribute("aria-current", "step");
    }
    if (lit !== null && n > lit) item.classList.add("later");
    return item;
  }));
}

// A line: formula, numbers put in, result.
function worked(line, read) {
  if (!line.target) return [html("pre", {}, line.parts.join(""))];
  const result = html("span", {class: "result"}, read(line.result));
  const formula = line.parts.map((part, n) => line.names[n] || part).join("");
  if (formula === line.target) return [html("code", {}, `${formula} = `, result)];
  const number = (part, name) => html("span", {class: "number", title: name},
    within(read(part)));
  const put = line.parts.map((part, n) => (line.names[n]
    ? number(part, line.names[n]) : part));
  const shown = [html("code", {}, `${line.target} = ${formula}`)];
  if (line.names.some(Boolean)) shown.push(html("code", {class: "put"}, "= ", ...put));
  return [...shown, html("code", {class: "put"}, "= ", result)];
}

// How many sizes of step lie in each decade: bars with their counts.
function histogram(line, unchanged, decades) {
  const wide = (WIDTH - 20) / (decades.length + 1), low = 150;
  const drawing = element("svg", {class: "drawing", viewBox: `0 0 ${WIDTH} 195`,
    role: "img", "aria-label": "Histogram of the sizes of steps"});
  const note = html("p", {class: "note"});
  const heading = line.label ? [html("h4", {}, line.label)] : [];
  const panel = html("div", {class: "panel"}, ...heading, drawing, note);
  return {panel, moveTo: (step) => {
    const at = line.rowOf(step);
    const counts = at === undefined ? [] : Array.from({length: decades.length + 1},
      (_, n) => line.array.at(at, n));
    drawing.replaceChildren(...columns(counts, wide, low),
      ...edges(decades, wide, low));
    note.textContent = at === undefined ? "Nothing is recorded here."
      : `Share of steps that are exactly 0: ${unchanged.array.text(at)}`;
  }};
}

function columns(counts, wide, low) {
  const most = Math.max(1, ...counts);
  return counts.flatMap((count, n) => {
    const x = 10 + n * wide, high = 85 * count / most;
    const middle = x + wide / 2 + 4, top = low - high - 5;
    return [element("rect", {class: "box", x: x + 1, width: wide - 2, y: low - high,
      height: high}), element("text", {x: middle, y: top,
      transform: `rotate(-90 ${middle} ${top})`}, count ? String(count) : "")];
  });
}

function edges(decades, wide, low) {
  const marks = decades.flatMap((power, n) => {
    const x = 10 + (n + 1) * wide;
    return [element("line", {x1: x, x2: x, y1: low, y2: low + 4}),
      ...(power % 3 ? [] : [element("text", {x, y: low + 18,
        "text-anchor": "middle"}, power ? `1e${power}` : "1")])];
  });
  return [element("line", {x1: 10, x2: WIDTH - 10, y1: low, y2: low}), ...marks,
    element("text", {x: WIDTH / 2, y: low + 38, "text-anchor": "middle"}, "|step|")];
}

// The images of a batch, and the pixel that the k-th parameter looks at on each.
function showDigits({digits, parameters}, row, k) {
  const {shape: [height, width], columns, shown, count} = digits;
  const name = parameters[k] ?? "";
  const images = document.getElementById("images");
  const labels = Array.from({length: shown},
    (_, n) => numbers[digits.labels].at(row, n));
  images.src = `data:image/png;base64,${digits.strips[row]}`;
  images.alt = `the first ${shown} images of the batch: ${labels.join(", ")}`;
  const pixel = digits.pixels[k];
  const strip = document.getElementById("strip");
  strip.replaceChildren(images, ...(pixel ? labels : []).map((_, n) => {
    const mark = html("span", {class: "pixel"}), lines = Math.ceil(shown / columns);
    mark.style.left = `${100 * (n % columns + (pixel[1] + 0.5) / width) / columns}%`;
    mark.style.top = `${100 * (Math.floor(n / columns)
      + (pixel[0] + 0.5) / height) / lines}%`;
    return mark;
  }));
  document.getElementById("seen").textContent =
    `The first ${shown} of ${count} images: ${labels.join(" ")}. ` + (pixel
      ? `${name} looks at the pixel in row ${pixel[0]}, column ${pixel[1]}, marked: it `
        + `is not 0 in ${numbers[digits.lit].text(row, k)} of the ${count}.`
      : name && `${name} looks at no pixel itself.`);
}
