"use strict";
// Arrays of the trace, and their numbers as text.

const SMALL = 1e-4;     // below it, numbers have an exponent, as NumPy prints them

// An array as the page holds it; decoded when it is first asked for.
class Numbers {
  constructor({type, dtype, shape, exponent, data}) {
    Object.assign(this, {type, dtype, exponent, data, columns: shape[1] ?? 0});
  }

  get values() {
    if (!this.decoded) {
      const bytes = Uint8Array.from(atob(this.data), (c) => c.charCodeAt(0));
      this.decoded = new globalThis[this.type](bytes.buffer);
    }
    return this.decoded;
  }

  // The k-th number of a row, or its only one.
  at(row, k = 0) {
    return this.values[this.columns ? row * this.columns + k : row];
  }

  text(row, k) {
    return exact(this.at(row, k), this.dtype, this.exponent ?? Infinity);
  }
}

// A number as short as it can be read back in its dtype; from `large` on, with an
// exponent.
function exact(x, dtype, large) {
  if (dtype === "bool") return x ? "yes" : "no";
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x < 0 ? "-inf" : "inf";
  if (Object.is(x, -0)) return "-0";
  const short = dtype === "float32" && x !== 0 ? shortest(x) : x;
  const size = Math.abs(x);
  if (size === 0 || (size >= SMALL && size < large)) return String(short);
  const [digits, power] = short.toExponential().split("e");
  return `${digits}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

// The number with the fewest digits that is x in float32, and of those the nearest; of
// two that are as near, the one that ends evenly.
function shortest(x) {
  const [all, power] = Math.abs(x).toExponential(99).replace(".", "").split("e");
  for (let digits = 1; ; digits++) {
    const head = Number(all.slice(0, digits)), tail = all.slice(digits);
    const up = /^50*$/.test(tail) ? head % 2 : Number(tail >= "5");
    for (const whole of [head + up, head + 1 - up]) {
      const near = Math.sign(x) * Number(`${whole}e${power - digits + 1}`);
      if (Math.fround(near) === x) return near;
    }
  }
}

// In a formula, negative numbers stand in parentheses.
function within(text) {
  return text.startsWith("-") ? `(${text})` : text;
}

// A few digits, for an axis.
function rough(x) {
  const size = Math.abs(x);
  const short = Number(x.toPrecision(4));
  if (size === 0 || (size >= 1e-3 && size < 1e5)) return String(short);
  return short.toExponential().replace("e+", "e");
}
