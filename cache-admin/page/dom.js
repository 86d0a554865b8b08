// Elements, and how numbers are written.

/** An element: `h("p", { class: "hint" }, "text", child)`. Listeners are functions under `onclick` and the like. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

/** Text that is only touched when it changes, so that screen readers and selections are left alone. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes `root` hold these children, and touches only those parts that are not what they were. What is put in has no listeners. */
export function renew(root, ...children) {
  const there = [...root.childNodes];
  if (there.length !== children.length) return root.replaceChildren(...children);
  children.forEach((made, index) => {
    const old = there[index];
    if (old.isEqualNode(made)) return;
    if (old.nodeType === Node.TEXT_NODE && made.nodeType === Node.TEXT_NODE) old.data = made.data;
    else if (old.cloneNode(false).isEqualNode(made.cloneNode(false))) renew(old, ...made.childNodes);
    else old.replaceWith(made);
  });
}

/** `dl` rows: `facts([["Version", "7.2"]])`; a row without a value is left out. */
export function facts(rows) {
  const shown = rows.filter(([, value]) => value != null && value !== "" && value !== false);
  return h("dl", { class: "facts" }, shown.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

export const none = "–";

export function count(value) {
  if (value == null || Number.isNaN(value)) return none;
  if (value >= 1e6) return `${digits(value / 1e6)} M`;
  if (value >= 1e4) return `${digits(value / 1e3)} k`;
  return Number.isInteger(value) ? String(value) : digits(value);
}

/** Three significant digits, without an exponent. */
function digits(value) {
  if (value === 0) return "0";
  if (Number.isInteger(value)) return String(value);
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(decimals, 2));
}

export function percent(ratio) {
  if (ratio == null || Number.isNaN(ratio)) return none;
  const value = ratio * 100;
  return `${value === 100 || value === 0 ? value : value.toFixed(1)} %`;
}

export function bytes(value) {
  if (value == null) return none;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : digits(value)} ${units[unit]}`;
}

/** A measured time, from microseconds. */
export function took(micros) {
  if (micros == null || Number.isNaN(micros)) return none;
  if (micros === 0) return "0";
  if (micros < 1_000) return `${digits(micros)} µs`;
  if (micros < 1_000_000) return `${digits(micros / 1_000)} ms`;
  return `${digits(micros / 1_000_000)} s`;
}

/** A lifetime, from milliseconds, with at most two units: `9 min 30 s`. */
export function lifetime(ms) {
  if (ms == null) return none;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  let seconds = Math.round(ms / 1_000);
  const parts = [];
  for (const [name, length] of [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]]) {
    const whole = Math.floor(seconds / length);
    seconds -= whole * length;
    if (whole > 0) parts.push(`${whole} ${name}`);
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

export function clock(ms, seconds = true) {
  const time = new Date(ms);
  const two = (value) => String(value).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}${seconds ? `:${two(time.getSeconds())}` : ""}`;
}

/** "once", "twice", "7 times". */
export const times = (n) => (n === 0 ? "never" : n === 1 ? "once" : n === 2 ? "twice" : `${count(n)} times`);

/** Text in which what stands between backticks is code. */
export const prose = (text) => text.split("`").map((part, index) => (index % 2 === 1 ? h("code", {}, part) : part));

/** The module that a path is in, without the crate: `users::` of `shop::users::get_user`. */
export function within(path) {
  const parts = path.split("::");
  return parts.length > 2 ? `${parts.at(-2)}::` : "";
}

/** How each of these paths is called: by its last part, and by more of it where others end the same. */
export function called(paths) {
  const all = [...new Set(paths)];
  return (path) => {
    const parts = path.split("::");
    const ends = parts.map((_, index) => parts.slice(index).join("::")).reverse();
    return ends.find((end) => all.filter((other) => other === end || other.endsWith(`::${end}`)).length === 1) ?? path;
  };
}

/** The last part of a path: `get_user` of `shop::users::get_user`. */
export function short(path) {
  return path.split("::").at(-1);
}
