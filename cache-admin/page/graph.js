// The graph of invalidation: functions that invalidate, the tags and keys they name, and the cached functions behind these.
// One stop of the tab key; arrows go up and down a column and across, Enter opens what a node is.

import { called, facts, h, lifetime, s, say } from "./dom.js";

const ROW = 34;
const BOX = 26;
const NARROW = 620;

export class GraphView {
  constructor({ show }) {
    this.show = show;
    this.chosen = null;
    this.focus = null;
    this.words = "";
    const panel = document.getElementById("graph-panel");
    this.svg = s("svg", { role: "group", "aria-label": "Graph of invalidation. Arrow keys move between nodes, Enter shows one." });
    this.empty = h("p", { class: "hint" });
    this.about = h("div", { class: "about", "aria-live": "polite" });
    this.findings = h("div", { class: "findings" });
    panel.append(this.empty, h("div", { class: "drawing" }, this.svg), this.about, this.findings);
    this.svg.addEventListener("keydown", (event) => this.key(event));
    document.getElementById("graph-filter").addEventListener("input", (event) => {
      this.words = event.target.value.trim().toLowerCase();
      this.render();
    });
    new ResizeObserver(() => this.render()).observe(this.svg.parentElement);
  }

  draw(graph) {
    this.graph = graph;
    this.findings.replaceChildren(...this.foundText());
    this.render();
  }

  foundText() {
    const { findings } = this.graph;
    if (findings.length === 0) return [h("p", { class: "good dot" }, "Nothing to find fault with: every tag that is carried is invalidated, and the other way round.")];
    return [h("h3", { class: "warn dot" }, findings.length === 1 ? "1 finding" : `${findings.length} findings`), ...findings.map((finding) => h("details", {}, h("summary", {}, finding.id), h("pre", {}, finding.text)))];
  }

  /** Nodes and edges, of those that the filter leaves. */
  model() {
    const nodes = new Map();
    const edges = new Map();
    const node = (id, column, kind, label, data) => nodes.get(id) ?? nodes.set(id, { id, column, kind, label, data, to: new Set(), from: new Set() }).get(id);
    const join = (a, b) => {
      a.to.add(b.id);
      b.from.add(a.id);
      edges.set(`${a.id}>${b.id}`, [a.id, b.id]);
    };
    const { functions, invalidations } = this.graph;
    const [cached, making] = [functions, invalidations].map((items) => called(items.map((item) => item.place.path)));
    const made = functions.map((item, index) => node(`f${index}`, 2, "function", cached(item.place.path), item));
    const makers = invalidations.map((item, index) => node(`i${index}`, 0, "invalidation", making(item.place.path), item));
    const tag = (text) => node(`t${text}`, 1, "tag", text, { text });
    made.forEach((to) => to.data.tags.forEach((text) => join(tag(text), to)));
    for (const { invalidation, function: index, link } of this.graph.edges) {
      const [from, to] = [makers[invalidation], made[index]];
      if (link.by === "tag") {
        join(from, tag(link.carried));
      } else {
        const middle = node(`k${to.data.key}`, 1, "key", to.data.key, { text: to.data.key });
        join(from, middle);
        join(middle, to);
      }
    }
    // What is invalidated and joins nothing is drawn too: it is a finding.
    makers.forEach((from) => from.data.tags.forEach((text) => {
      const joined = this.graph.edges.some((edge) => edge.link.by === "tag" && edge.link.invalidated === text && `i${edge.invalidation}` === from.id);
      if (!joined) join(from, tag(text));
    }));
    if (this.words !== "") {
      const kept = new Set();
      for (const found of nodes.values()) {
        const text = `${found.label} ${found.data.place?.path ?? ""} ${found.data.key ?? ""}`.toLowerCase();
        if (text.includes(this.words)) reach(nodes, found.id).forEach((id) => kept.add(id));
      }
      for (const id of [...nodes.keys()]) if (!kept.has(id)) nodes.delete(id);
      for (const [id, [a, b]] of edges) if (!kept.has(a) || !kept.has(b)) edges.delete(id);
    }
    return { nodes, edges: [...edges.values()] };
  }

  render() {
    if (!this.graph) return;
    const width = this.svg.parentElement.clientWidth;
    if (width === 0) return;
    const had = this.svg.contains(document.activeElement);
    const { nodes, edges } = this.model();
    this.nodes = nodes;
    say(this.empty, nodes.size > 0 ? "" : this.words ? "Nothing is called that. Clear the filter to see all." : "There is no cached function and no invalidation in this program.");
    this.empty.hidden = nodes.size > 0;
    this.svg.setAttribute("height", 0);

    // On a narrow screen tags and keys become the list below a chosen node, and the lines go straight across.
    const narrow = width < NARROW;
    const columns = narrow ? [0, 2] : [0, 1, 2];
    const lines = narrow ? straight(nodes, edges) : edges;
    const lists = columns.map((column) => [...nodes.values()].filter((node) => node.column === column));
    order(lists, lines);
    const gap = narrow ? 40 : Math.max(60, width * 0.1);
    const box = (width - 16 - gap * (columns.length - 1)) / columns.length;
    const tallest = Math.max(...lists.map((list) => list.length), 1);
    const height = tallest * ROW + 26;
    lists.forEach((list, column) => list.forEach((node, index) => {
      node.x = 8 + column * (box + gap);
      node.y = 26 + (index + (tallest - list.length) / 2) * ROW;
    }));
    this.lists = lists;

    const near = this.chosen && nodes.has(this.chosen) ? reach(nodes, this.chosen) : null;
    const heads = narrow ? ["Invalidates", "Cached"] : ["Invalidates", "Tag or key", "Cached"];
    const parts = heads.map((head, column) => s("text", { x: 8 + column * (box + gap), y: 13 }, head));
    for (const [a, b] of lines) {
      const [from, to] = [nodes.get(a), nodes.get(b)];
      const [x1, y1, x2, y2] = [from.x + box, from.y + BOX / 2, to.x, to.y + BOX / 2];
      const bend = (x2 - x1) / 2;
      const lit = near && near.has(a) && near.has(b);
      parts.push(s("path", { class: `edge${lit ? " lit" : near ? " dim" : ""}`, d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}` }));
    }
    if (!this.focus || !nodes.has(this.focus) || (narrow && nodes.get(this.focus).column === 1)) this.focus = lists.flat()[0]?.id ?? null;
    for (const node of lists.flat()) {
      const lonely = node.kind === "function" ? false : node.to.size === 0 || (node.column === 1 && node.from.size === 0);
      const classes = ["node", node.kind, node.id === this.chosen && "chosen", lonely && "lonely", near && !near.has(node.id) && "dim"].filter(Boolean).join(" ");
      const text = fit(node.kind === "tag" ? `#${node.label}` : node.label, box - 20);
      const group = s("g", { class: classes, role: "button", tabindex: node.id === this.focus ? "0" : "-1", "data-id": node.id, "aria-label": this.spoken(node), "aria-pressed": String(node.id === this.chosen), transform: `translate(${node.x} ${node.y})`, onclick: () => this.choose(node.id) },
        s("title", {}, node.data.place?.path ?? node.label), s("rect", { width: box, height: BOX, rx: node.column === 1 ? 13 : 5 }), s("text", { x: 10, y: 17 }, text));
      group.addEventListener("focus", () => { this.focus = node.id; });
      parts.push(group);
    }
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("height", nodes.size > 0 ? height : 0);
    this.svg.replaceChildren(...parts);
    if (had) this.element(this.focus)?.focus({ preventScroll: true });
    this.tell();
  }

  element(id) {
    return [...this.svg.querySelectorAll(".node")].find((node) => node.dataset.id === id);
  }

  spoken(node) {
    const names = (ids) => [...ids].map((id) => this.nodes.get(id)?.label).filter(Boolean).join(", ") || "nothing";
    if (node.kind === "invalidation") return `${node.label} invalidates ${names(node.to)}`;
    if (node.kind === "function") return `cached function ${node.label}, voided through ${names(node.from)}`;
    return `${node.kind} ${node.label}, invalidated by ${names(node.from)}, carried by ${names(node.to)}`;
  }

  key(event) {
    const column = this.lists.findIndex((list) => list.some((node) => node.id === this.focus));
    if (column < 0) return;
    const list = this.lists[column];
    const at = list.findIndex((node) => node.id === this.focus);
    let next = null;
    if (event.key === "ArrowDown") next = list[at + 1];
    else if (event.key === "ArrowUp") next = list[at - 1];
    else if (event.key === "Home") next = list[0];
    else if (event.key === "End") next = list.at(-1);
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") next = this.across(list[at], column + (event.key === "ArrowRight" ? 1 : -1));
    else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return this.choose(this.focus);
    } else if (event.key === "Escape") return this.choose(null);
    else return;
    event.preventDefault();
    if (!next) return;
    this.element(this.focus)?.setAttribute("tabindex", "-1");
    this.focus = next.id;
    const element = this.element(next.id);
    element.setAttribute("tabindex", "0");
    element.focus();
  }

  /** The first node of the next column that is joined, else the nearest. */
  across(node, column) {
    const list = this.lists[column] ?? [];
    const near = reach(this.nodes, node.id);
    return list.find((other) => near.has(other.id)) ?? list.toSorted((a, b) => Math.abs(a.y - node.y) - Math.abs(b.y - node.y))[0];
  }

  choose(id) {
    this.chosen = this.chosen === id ? null : id;
    if (this.chosen) this.focus = this.chosen;
    this.render();
  }

  /** Chooses a function by its path, from elsewhere on the page. */
  reveal(path) {
    this.words = "";
    document.getElementById("graph-filter").value = "";
    const index = this.graph?.functions.findIndex((item) => item.place.path === path) ?? -1;
    if (index < 0) return;
    this.chosen = this.focus = `f${index}`;
    this.render();
    this.element(this.focus)?.focus();
  }

  tell() {
    const node = this.chosen && this.nodes.get(this.chosen);
    if (!node) return this.about.replaceChildren(h("p", { class: "hint" }, "Choose a node to see what it reaches."));
    const list = (ids) => (ids.size === 0 ? "nothing" : [...ids].map((id, index) => [index > 0 ? ", " : "", h("button", { type: "button", class: "link", onclick: () => this.choose(id) }, this.nodes.get(id)?.label ?? id.slice(1))]).flat());
    const behind = (field) => new Set([...node[field]].flatMap((id) => [...(this.nodes.get(id)?.[field] ?? [])]));
    const wrap = (parts) => h("span", {}, parts);
    const place = node.data.place && h("code", {}, `${node.data.place.file}:${node.data.place.line}`);
    const rows = {
      invalidation: () => [["Declared", place], ["Names", wrap(list(node.to))], ["Voids", wrap(list(behind("to")))], ["When", node.data.only_ok ? "after Ok only" : "after Ok and Err"], ["Fence", node.data.fenced ? "yes" : null]],
      function: () => [["Declared", place], ["Key", h("code", {}, node.data.key)], ["Lives", node.data.ttl_ms == null ? "as an expression says" : lifetime(node.data.ttl_ms)], ["Named by", wrap(list(node.from))], ["Voided by", wrap(list(behind("from")))]],
      tag: () => [["Invalidated by", wrap(list(node.from))], ["Carried by", wrap(list(node.to))]],
      key: () => [["Invalidated by", wrap(list(node.from))], ["Key of", wrap(list(node.to))]],
    };
    const kinds = { invalidation: "invalidates", function: "cached function", tag: "tag", key: "key" };
    this.about.replaceChildren(h("h3", {}, h("code", {}, node.data.place?.path ?? node.label), " ", h("span", { class: "badge" }, kinds[node.kind])), facts(rows[node.kind]()));
  }
}

/** A node, what it leads to, and what leads to it. */
function reach(nodes, id) {
  const reached = new Set([id]);
  for (const field of ["to", "from"]) {
    const queue = [id];
    while (queue.length > 0) {
      for (const next of nodes.get(queue.pop())?.[field] ?? []) {
        if (!reached.has(next) && nodes.has(next)) {
          reached.add(next);
          queue.push(next);
        }
      }
    }
  }
  return reached;
}

/** Edges from the first to the last column, past the middle one. */
function straight(nodes, edges) {
  const joined = new Map();
  for (const [a, b] of edges) {
    if (nodes.get(a).column !== 0) continue;
    for (const end of nodes.get(b).to) if (nodes.has(end)) joined.set(`${a}>${end}`, [a, end]);
  }
  return [...joined.values()];
}

/** Orders each column by where its neighbours are, there and back a few times: fewer lines cross. */
function order(lists, edges) {
  const neighbours = new Map();
  for (const [a, b] of edges) {
    neighbours.set(a, [...(neighbours.get(a) ?? []), b]);
    neighbours.set(b, [...(neighbours.get(b) ?? []), a]);
  }
  for (let pass = 0; pass < 6; pass += 1) {
    const place = new Map(lists.flatMap((list) => list.map((node, index) => [node.id, index / Math.max(list.length, 1)])));
    const column = lists[pass % lists.length];
    const weight = (node) => {
      const near = (neighbours.get(node.id) ?? []).map((id) => place.get(id)).filter((at) => at !== undefined);
      return near.length > 0 ? near.reduce((sum, at) => sum + at, 0) / near.length : place.get(node.id);
    };
    const weights = new Map(column.map((node) => [node.id, weight(node)]));
    column.sort((a, b) => weights.get(a.id) - weights.get(b.id));
  }
}

/** Cut to what fits into so many pixels of 12 px monospace. */
function fit(text, width) {
  const most = Math.floor(width / 7.25);
  return text.length <= most ? text : `${text.slice(0, Math.max(most - 1, 1))}…`;
}
