"use strict";
// Arrays of the trace, and their numbers as text.

const SCIENTIFIC = [1e-4, 1e16];    // below and from these on, as NumPy prints

// An array as the page holds it; decoded when it is first asked for.
class Numbers {
  constructor({type, dtype, shape, data}) {
    Object.assign(this, {type, dtype, data, columns: shape[1] ?? 0});
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
    return exact(this.at(row, k), this.dtype);
  }
}

// A number as short as it can be read back in its dtype.
function exact(x, dtype) {
  if (dtype === "bool") return x ? "yes" : "no";
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x < 0 ? "-inf" : "inf";
  if (Object.is(x, -0)) return "-0";
  const short = dtype === "float32" ? shortest(x) : x;
  const [least, most] = SCIENTIFIC;
  const size = Math.abs(short);
  if (size === 0 || (size >= least && size < most)) return String(short);
  const [digits, power] = short.toExponential().split("e");
  return `${digits}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

// The number with the fewest digits that is x in float32.
function shortest(x) {
  for (let digits = 1; digits < 9; digits++) {
    const near = Number(x.toPrecision(digits));
    if (Math.fround(near) === x) return near;
  }
  return Number(x.toPrecision(9));
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
