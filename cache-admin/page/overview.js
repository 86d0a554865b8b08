// Figures, charts and the table of functions: what is counted.

import { LineChart } from "./charts.js";
import { bytes, called, count, facts, h, lifetime, none, percent, renew, s, say, short, took, times, within } from "./dom.js";
import { Steer } from "./steer.js";

/** So many functions have a colour of their own: those that are called most. */
const COLOURS = 8;
/** The column that goes first where there is no room. */
const WIDE = "p99 load";
/** Rates are of so long. */
const LATELY_MS = 60_000;

export class Overview {
  /** `show(section, name)` leads to another section. */
  constructor({ show }) {
    this.show = show;
    this.may = false;
    this.minutes = 5;
    this.points = new Map();
    this.since = null;
    this.names = [];
    this.chosen = null;
    this.colours = new Map();
    this.rows = new Map();
    this.tiles = new Map();
    const empty = "No calls in this time. Call a cached function, and it shows within two seconds.";
    this.ratio = new LineChart(document.getElementById("ratio-chart"), { title: "Hit ratio", unit: "% of calls, by function", format: (value) => `${+value.toFixed(1)} %`, ceiling: 100, empty });
    this.load = new LineChart(document.getElementById("load-chart"), { title: "Load time", unit: "mean, by function", format: took, empty: "No loads in this time: nothing missed." });
    this.body = h("tbody");
    const heads = ["Function", "Hit ratio", "Calls/s", "Loads/s", "Mean load", "p99 load", "Lives", "State"];
    this.nothing = h("p", { class: "hint", hidden: true }, "There is no cached function in this program. Annotate one with ", h("code", {}, "#[cached]"), ".");
    this.table = h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col", class: head === WIDE ? "wide" : null }, head)))), this.body);
    document.getElementById("function-table").append(this.table, this.nothing);
    for (const button of document.querySelectorAll("[data-minutes]")) {
      button.addEventListener("click", () => this.range(Number(button.dataset.minutes)));
    }
  }

  range(minutes) {
    for (const button of document.querySelectorAll("[data-minutes]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.minutes) === minutes));
    }
    this.minutes = minutes;
    this.points.clear();
    this.changed?.();
  }

  /** From when on points are wanted: the last one may have grown. */
  get after() {
    const known = [...this.points.keys()];
    return known.length > 1 ? known.at(-2) : 0;
  }

  history(answer, minutes) {
    if (minutes !== this.minutes) return;
    // Another process numbers its functions in its own way: what is kept of the one before would go to others.
    if (answer.since_ms !== this.since) this.points.clear();
    this.since = answer.since_ms;
    this.names = answer.functions;
    this.step = answer.step_ms;
    this.now = answer.now_ms;
    for (const point of answer.points) this.points.set(point.at_ms, point);
    for (const at of this.points.keys()) if (at < this.now - minutes * 60_000) this.points.delete(at);
  }

  /** What each function did lately, by `path key`. */
  lately() {
    const sums = new Map();
    const ends = [...this.points.keys()].filter((at) => at > this.now - Math.max(LATELY_MS, this.step));
    for (const at of ends) {
      for (const [number, done] of this.points.get(at).done) {
        const id = this.id(number);
        const sum = sums.get(id) ?? { hits: 0, misses: 0, loads: 0, load_micros: 0 };
        for (const field of Object.keys(sum)) sum[field] += done[field];
        sums.set(id, sum);
      }
    }
    // The current point is not over, and the first ones may be missing.
    const seconds = ends.length === 0 ? 1 : Math.max((this.now - Math.min(...ends) + this.step) / 1000, 2);
    return { sums, seconds };
  }

  id(number) {
    const { function: path, key } = this.names[number];
    return `${path} ${key}`;
  }

  draw({ functions, stats, health }) {
    const lately = this.lately();
    this.assignColours(functions);
    this.drawTiles(lately, stats, health);
    this.drawCharts();
    this.drawTable(functions, lately, health.disabled);
  }

  /** Those that are called most get a colour, and keep it as long as they do. */
  assignColours(functions) {
    const calls = (item) => (item.counts ? item.counts.local_hits + item.counts.redis_hits + item.counts.misses : 0);
    const wanted = functions.filter((item) => calls(item) > 0).sort((a, b) => calls(b) - calls(a)).slice(0, COLOURS).map(idOf);
    for (const id of this.colours.keys()) if (!wanted.includes(id)) this.colours.delete(id);
    const free = [...Array(COLOURS).keys()].filter((colour) => ![...this.colours.values()].includes(colour));
    for (const id of wanted) if (!this.colours.has(id)) this.colours.set(id, free.shift());
  }

  drawTiles({ sums, seconds }, stats, health) {
    const all = { hits: 0, misses: 0, loads: 0, load_micros: 0 };
    for (const sum of sums.values()) for (const field of Object.keys(all)) all[field] += sum[field];
    const calls = all.hits + all.misses;
    const breaker = health.tier !== "Redis" ? ["none", "this cache has no server"] : health.available ? ["closed", `has ${stats.breaker_opened === 0 ? "never opened" : `opened ${times(stats.breaker_opened)}`}`] : ["open", "functions run uncached"];
    this.tile("Hit ratio", percent(all.hits / calls), "last minute", calls > 0 && all.hits / calls < 0.8 ? "warn" : "");
    this.tile("Calls", `${count(calls / seconds)} /s`, `${count(all.loads / seconds)} loads /s`);
    this.tile("Load time", took(all.load_micros / all.loads), "mean, last minute");
    this.tile("Breaker", breaker[0], breaker[1], breaker[0] === "open" ? "bad" : "");
    this.tile("Owed", count(stats.owed), "invalidations to deliver", stats.owed > 0 ? "warn" : "");
    this.tile("In process", count(stats.local_entries), `entries, ${bytes(stats.local_bytes)}`);
    this.tile("Invalidations", count(stats.invalidations), "by this process");
  }

  tile(name, value, about, mood = "") {
    let tile = this.tiles.get(name);
    if (!tile) {
      tile = { value: h("span"), about: h("small") };
      tile.root = h("dd", {}, tile.value, tile.about);
      document.getElementById("tiles").append(h("div", { "data-tile": name }, h("dt", {}, name), tile.root));
      this.tiles.set(name, tile);
    }
    say(tile.value, value);
    say(tile.about, about);
    tile.value.className = mood;
  }

  drawCharts() {
    const to = this.now;
    const from = to - this.minutes * 60_000;
    const ends = [...this.points.keys()].sort((a, b) => a - b);
    const outages = ends.filter((at) => !this.points.get(at).available).map((at) => [at - this.step, at]);
    const paths = [...this.colours.keys()].map((id) => id.split(" ")[0]);
    const name = called(paths);
    // Methods of one name in one module have the same path.
    const named = (id, path) => (paths.filter((other) => other === path).length > 1 ? `${name(path)} ${id.slice(path.length + 1)}` : name(path));
    const lines = (value) => [...this.colours].map(([id, colour]) => {
      const number = this.names.findIndex((_, index) => this.id(index) === id);
      const points = ends.map((at) => {
        const done = this.points.get(at).done.find(([of]) => of === number)?.[1];
        return [Math.min(at, to), done && value(done)];
      });
      const faint = this.chosen !== null && this.chosen !== id;
      return { name: named(id, id.split(" ")[0]), colour, faint, points: points.filter(([, value]) => value != null) };
    });
    const frame = { from, to, step: this.step, outages };
    this.ratio.draw({ ...frame, series: lines(({ hits, misses }) => (hits + misses > 0 ? (100 * hits) / (hits + misses) : null)) });
    this.load.draw({ ...frame, series: lines(({ loads, load_micros }) => (loads > 0 ? load_micros / loads : null)) });
  }

  drawTable(functions, { sums, seconds }, disabled) {
    this.table.hidden = functions.length === 0;
    this.nothing.hidden = functions.length > 0;
    for (const item of functions) {
      const id = idOf(item);
      let row = this.rows.get(id);
      if (!row) {
        row = this.row(id, item);
        this.rows.set(id, row);
        this.body.append(row.root);
      }
      row.item = item;
      const sum = sums.get(id) ?? { hits: 0, misses: 0, loads: 0, load_micros: 0 };
      const calls = sum.hits + sum.misses;
      const ratio = sum.hits / calls;
      row.swatch.setAttribute("class", this.colours.has(id) ? `swatch c${this.colours.get(id)}` : "swatch");
      row.meter.classList.toggle("low", ratio < 0.8);
      row.bar.setAttribute("width", calls > 0 ? ratio * 100 : 0);
      const cells = [percent(ratio), count(calls / seconds), count(sum.loads / seconds), took(sum.load_micros / sum.loads), quantile(item.counts, 0.99), lifetime(item.ttl_ms), stateOf(item, disabled)];
      cells.forEach((text, index) => say(row.cells[index], text));
      row.cells.at(-1).className = ["on", "not called"].includes(cells.at(-1)) ? "muted" : "warn";
      if (row.counted) renew(row.counted, counted(item));
      row.steer?.told(item);
    }
  }

  row(id, item) {
    const swatch = h("span", { class: "swatch" });
    const bar = s("rect", { height: 5, width: 0 });
    const meter = h("span", { class: "meter", "aria-hidden": "true" }, s("svg", { viewBox: "0 0 100 5", preserveAspectRatio: "none" }, bar));
    const cells = [...Array(7)].map(() => h("span"));
    const labels = ["Hit ratio", "Calls/s", "Loads/s", "Mean load", "p99 load", "Lives", "State"];
    const button = h("button", { type: "button", class: "link", "aria-expanded": "false", title: item.path, onclick: () => this.choose(id) }, h("span", { class: "module" }, within(item.path)), short(item.path));
    const name = h("td", {}, h("span", { class: "name" }, swatch, button), h("code", { class: "key" }, item.key));
    const root = h("tr", { "data-function": item.path }, name, cells.map((cell, index) => h("td", { "data-label": labels[index], class: labels[index] === WIDE ? "wide" : null }, index === 0 ? h("span", {}, meter, cell) : cell)));
    return { root, swatch, bar, meter, cells, button, item, details: null, counted: null, steer: null };
  }

  /** Opens a function's details and brings its lines to the front; a second time, closes them. */
  choose(id) {
    this.chosen = this.chosen === id ? null : id;
    for (const [other, row] of this.rows) {
      const open = other === this.chosen;
      row.root.classList.toggle("open", open);
      row.button.setAttribute("aria-expanded", String(open));
      if (!open) {
        row.details?.remove();
        row.details = row.counted = row.steer = null;
      } else {
        row.details = h("tr", { class: "details" }, h("td", { colspan: 8 }));
        row.root.after(row.details);
        this.fillDetails(row);
      }
    }
    if (this.now) this.drawCharts();
  }

  fillDetails(row) {
    const { details, item } = row;
    row.counted = h("div", {}, counted(item));
    row.steer = new Steer(item, this.may, this.changed);
    const ways = h("p", { class: "row" },
      h("button", { type: "button", onclick: () => this.show("graph", item.path) }, "Show in graph"),
      h("button", { type: "button", onclick: () => this.show("entries", glob(item.key)) }, "List entries"),
      h("button", { type: "button", onclick: () => this.show("purge", { function: item.path }) }, "Purge…"));
    const columns = [["Declared", declared(item), ways], ["Counted", row.counted], ["Steer", row.steer.root]];
    details.firstChild.replaceChildren(h("div", { class: "columns" }, columns.map(([title, ...parts]) => h("div", { class: "stack" }, h("h3", {}, title), ...parts))));
  }
}

function declared(item) {
  return facts([
    ["At", h("code", {}, `${item.file}:${item.line}`)],
    ["Key", h("code", {}, item.key)],
    ["Tags", item.tags.length > 0 ? h("code", {}, item.tags.join("  ")) : "none"],
    ["Value", h("code", {}, item.value)],
    ["Lives", item.ttl_ms == null ? "as an expression says" : lifetime(item.ttl_ms)],
    ["Voided by", item.invalidated_by.length > 0 ? item.invalidated_by.map(short).join(", ") : "nothing: it lives for its ttl"],
  ]);
}

function counted({ counts }) {
  if (!counts) return h("p", { class: "hint" }, "Not called in this process yet.");
  const some = (value) => (value > 0 ? count(value) : null);
  return facts([
    ["Hits", `${count(counts.local_hits)} in process, ${count(counts.redis_hits)} from Redis`],
    ["Of cached absence", some(counts.negative_hits)],
    ["Misses", count(counts.misses)],
    ["Joined a load", some(counts.joins)],
    ["Loads", `${count(counts.loads)}${counts.load_errors > 0 ? `, ${count(counts.load_errors)} failed` : ""}`],
    ["Load p50 / p99", `${quantile(counts, 0.5)} / ${quantile(counts, 0.99)}, to a factor of two`],
    ["Stored", `${count(counts.fills)}${counts.fills_refused > 0 ? `, ${count(counts.fills_refused)} refused: invalidated meanwhile` : ""}`],
    ["Not taken by Redis", some(counts.fills_failed)],
    ["Too large to store", some(counts.too_large)],
    ["Would not decode", some(counts.unfit + counts.undecodable)],
    ["Ran without the cache", some(counts.fail_open)],
    ["Bypassed", some(counts.bypassed)],
  ]);
}

export const idOf = (item) => `${item.path} ${item.key}`;

/** The pattern of a key template's entries: `user:*` of `user:{id}`. */
export const glob = (template) => template.replace(/\{\{|\}\}|\{[^}]*\}/g, (piece) => (piece === "{{" ? "{" : piece === "}}" ? "}" : "*"));

/** What is said of it at run time, in a word or two. */
function stateOf({ rule, counts }, off) {
  if (off || rule.enabled === false) return "off";
  const said = [rule.percent != null && `${rule.percent} % of keys`, rule.ttl != null && `ttl ${rule.ttl}`, rule.local != null && `local ${rule.local === false ? "off" : rule.local}`].filter(Boolean);
  return said.join(", ") || (counts ? "on" : "not called");
}

/** From buckets of up to 2^n microseconds; the last one has no end. */
function quantile(counts, part) {
  const buckets = counts?.load_time?.buckets ?? [];
  const all = buckets.reduce((sum, n) => sum + n, 0);
  if (all === 0) return none;
  let bucket = 0;
  for (let seen = buckets[0]; seen < all * part; seen += buckets[bucket]) bucket += 1;
  return bucket < buckets.length - 1 ? took(2 ** bucket) : `${took(2 ** (bucket - 1))} or more`;
}
