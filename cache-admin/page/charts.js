// A chart of lines over time: axes with units, gaps where nothing happened, and a readout for pointer and keyboard.

import { clock, h, renew, s } from "./dom.js";

const HEIGHT = 176;
const MARGIN = { left: 52, right: 10, top: 10, bottom: 22 };
/** A line is drawn through so many points without a value; a longer silence is a gap. */
const BRIDGED = 4;

export class LineChart {
  /** `ceiling`: the top of the axis, where it is known. `format` writes a value with its unit. */
  constructor(root, { title, unit, format, ceiling, empty }) {
    this.format = format;
    this.ceiling = ceiling;
    this.data = null;
    this.at = null;
    this.svg = s("svg", { role: "img", tabindex: "0", "aria-label": title });
    this.empty = h("p", { class: "empty" }, empty);
    this.readout = h("p", { class: "readout", "aria-live": "polite" });
    root.append(h("h3", {}, title, " ", h("span", {}, unit)), h("div", { class: "plot" }, this.svg, this.empty), this.readout);
    this.title = title;
    this.svg.addEventListener("pointermove", (event) => this.point(event.offsetX));
    this.svg.addEventListener("pointerleave", () => this.move(null));
    this.svg.addEventListener("blur", () => this.move(null));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.render()).observe(this.svg);
  }

  /** `{ from, to, step, series: [{ name, colour, faint, points: [[ms, value]] }], outages: [[ms, ms]] }` */
  draw(data) {
    this.data = data;
    this.render();
  }

  render() {
    const width = this.svg.clientWidth;
    if (!this.data || width === 0) return;
    const { from, to, step, series, outages } = this.data;
    const values = series.flatMap((line) => line.points.map(([, value]) => value));
    const top = this.ceiling ?? nice(Math.max(...values, 0) || 1);
    this.x = (ms) => MARGIN.left + ((ms - from) / (to - from)) * (width - MARGIN.left - MARGIN.right);
    this.y = (value) => HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
    const end = width - MARGIN.right;

    const parts = [];
    for (const [start, stop] of outages) {
      const left = Math.max(this.x(start), MARGIN.left);
      parts.push(s("rect", { class: "outage", x: left, y: MARGIN.top, width: Math.max(this.x(stop) - left, 2), height: HEIGHT - MARGIN.top - MARGIN.bottom }));
    }
    for (const part of [0, 0.25, 0.5, 0.75, 1]) {
      const y = Math.round(this.y(part * top)) + 0.5;
      parts.push(s("line", { class: part === 0 ? "axis" : "grid", x1: MARGIN.left, x2: end, y1: y, y2: y }));
      if (part !== 0.25 && part !== 0.75) parts.push(s("text", { x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" }, this.format(part * top)));
    }
    const apart = spacing(from, to, width);
    for (let ms = Math.ceil(from / apart) * apart; ms <= to; ms += apart) {
      const x = this.x(ms);
      if (x > MARGIN.left + 12 && x < end - 12) parts.push(s("text", { x, y: HEIGHT - 6, "text-anchor": "middle" }, clock(ms, apart < 60_000)));
    }
    for (const line of series) {
      const pieces = split(line.points, step * BRIDGED);
      const path = pieces.map((piece) => piece.map(([ms, value], index) => `${index === 0 ? "M" : "L"}${this.x(ms).toFixed(1)} ${this.y(Math.min(value, top)).toFixed(1)}`).join("")).join("");
      const faint = line.faint ? " faint" : "";
      parts.push(s("path", { class: `line c${line.colour}${faint}`, d: path }));
      for (const [[ms, value]] of pieces.filter((piece) => piece.length === 1)) {
        if (!line.faint) parts.push(s("circle", { class: `mark c${line.colour}`, cx: this.x(ms), cy: this.y(value), r: 2 }));
      }
    }
    this.cursor = s("line", { class: "cursor", y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom, visibility: "hidden" });
    parts.push(this.cursor);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.svg.replaceChildren(...parts);
    this.empty.hidden = values.length > 0;
    const latest = series.filter((line) => line.points.length > 0).map((line) => `${line.name} ${this.format(line.points.at(-1)[1])}`);
    this.svg.setAttribute("aria-label", `${this.title}, ${clock(from)} to ${clock(to)}. ${latest.join(", ") || "No calls."}`);
    this.move(this.at);
  }

  point(offset) {
    if (!this.data) return;
    const { from, to } = this.data;
    const width = this.svg.clientWidth;
    const part = (offset - MARGIN.left) / (width - MARGIN.left - MARGIN.right);
    this.move(part < 0 || part > 1 ? null : from + part * (to - from));
  }

  key(event) {
    if (!this.data) return;
    const { from, to, step } = this.data;
    const moves = { ArrowLeft: -step, ArrowRight: step, Home: -Infinity, End: Infinity };
    if (event.key === "Escape") this.move(null);
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.move(Math.min(Math.max((this.at ?? to) + moves[event.key], from), to));
  }

  /** Says what the values near that moment are; `null`: what the latest are. */
  move(ms) {
    this.at = ms;
    if (!this.cursor) return;
    const { series, step } = this.data;
    this.cursor.setAttribute("visibility", ms === null ? "hidden" : "visible");
    if (ms !== null) {
      this.cursor.setAttribute("x1", this.x(ms));
      this.cursor.setAttribute("x2", this.x(ms));
    }
    const shown = series.filter((line) => !line.faint).map((line) => {
      const near = ms === null ? line.points.at(-1) : nearest(line.points, ms, step * BRIDGED);
      return near && h("span", {}, h("span", { class: `swatch c${line.colour}` }), `${line.name} ${this.format(near[1])}`);
    });
    // The latest values change by themselves every few seconds, which nobody wants to be told.
    this.readout.setAttribute("aria-live", ms === null ? "off" : "polite");
    renew(this.readout, ...(ms === null ? [] : [h("strong", {}, clock(ms))]), ...shown.filter(Boolean));
  }
}

function nearest(points, ms, reach) {
  let best = null;
  for (const point of points) {
    const apart = Math.abs(point[0] - ms);
    if (apart <= reach && (best === null || apart < Math.abs(best[0] - ms))) best = point;
  }
  return best;
}

/** Runs of points with no long silence in between. */
function split(points, longest) {
  const pieces = [];
  for (const point of points) {
    const last = pieces.at(-1);
    if (last && point[0] - last.at(-1)[0] <= longest) last.push(point);
    else pieces.push([point]);
  }
  return pieces;
}

/** 1, 2, 4 or 8 times a power of ten, so that halves are round too. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 8, 10].map((factor) => factor * power).find((top) => top >= value);
}

/** Milliseconds between two times on the axis, at least 72 pixels apart. */
function spacing(from, to, width) {
  const most = Math.max(2, Math.floor((width - MARGIN.left) / 72));
  return [15, 30, 60, 120, 300, 600, 900, 1800].map((seconds) => seconds * 1000).find((ms) => (to - from) / ms <= most) ?? 3_600_000;
}
