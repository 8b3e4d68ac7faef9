"use strict";
// Paths over a surface of one or two parameters: where each update begins.

const SIDE = 360;

class Surface {
  // lines: as of a chart, their numbers (T, 2) places on the surface.
  constructor(place, {image, span, names}, lines) {
    Object.assign(this, {span, lines});
    const drawing = element("svg", {class: "drawing surface", role: "img",
      viewBox: `0 0 ${SIDE} ${SIDE}`, "aria-label": "Paths over the surface"});
    drawing.append(element("image", {width: SIDE, height: SIDE,
      preserveAspectRatio: "none", href: `data:image/png;base64,${image}`}));
    this.dots = lines.map((line) => element("circle",
      {...dressed("dot", line.look ?? 0), r: 6}));
    const key = html("ul", {class: "key"});
    lines.forEach((line) => this.draw(drawing, key, line));
    drawing.append(...this.dots,
      element("text", {x: SIDE - 8, y: SIDE - 8, "text-anchor": "end"}, names[0]),
      element("text", {x: 8, y: 16}, names[1]));
    place.append(drawing, ...(lines.length > 1 ? [key] : []));
  }

  at(line, row) {
    return this.span.map(([low, high], n) => {
      const share = (line.array.at(row, n) - low) / (high - low);
      return SIDE * Math.max(-1, Math.min(2, n ? 1 - share : share));
    });
  }

  draw(drawing, key, line) {
    const look = line.look ?? 0;
    const points = line.steps.map((_, row) => this.at(line, row))
      .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
    drawing.append(element("path", {...dressed("line", look),
      d: points.map((point, n) => `${n ? "L" : "M"}${point.join(" ")}`).join("")}));
    const every = Math.ceil(points.length / DOTTED);
    points.forEach(([x, y], n) => {
      if (n % every === 0) drawing.append(marker(x, y, look));
    });
    key.append(html("li", {}, element("svg", {width: 40, height: 12,
      "aria-hidden": "true"}, element("path", {d: "M2 6H38", ...dressed("line", look)}),
    marker(20, 6, look)), line.label));
  }

  moveTo(step) {
    this.lines.forEach((line, n) => {
      const row = line.rowOf(step);
      putAt(this.dots[n], ...(row === undefined ? [NaN, NaN] : this.at(line, row)));
    });
  }
}
