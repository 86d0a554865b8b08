// Purging, with a look at what would go first.

import { post } from "./api.js";
import { h, prose, say } from "./dom.js";

const KINDS = {
  tag: ["Tag", "users", "Every entry that carries it becomes void, however many there are."],
  key: ["Key", "user:7", "One entry, and loads of it that are under way."],
  function: ["Function", "shop::users::get_user", "All entries whose keys fit its template. Walks over the keys of the server, and voids what is kept in process."],
  pattern: ["Pattern", "user:*", "All entries whose keys match a Redis glob. Walks over the keys of the server, and voids what is kept in process."],
};

export class PurgeForm {
  constructor() {
    this.kind = "tag";
    this.previewed = null;
    /** Counts what the form has said: an answer to something else is late. */
    this.said = 0;
    this.may = false;
    this.known = { tag: [], function: [] };
    const choices = Object.entries(KINDS).map(([kind, [label]]) => h("label", {}, h("input", { type: "radio", name: "kind", value: kind, checked: kind === this.kind, onchange: () => this.choose(kind) }), label));
    this.options = h("datalist", { id: "purge-options" });
    this.input = h("input", { id: "purge-name", type: "text", class: "mono", list: "purge-options", autocomplete: "off", spellcheck: "false", required: true, maxlength: "2000", "aria-describedby": "purge-hint", oninput: () => this.changed() });
    this.label = h("label", { for: "purge-name" });
    this.hint = h("p", { class: "hint", id: "purge-hint" });
    this.preview = h("button", { class: "primary", id: "preview" }, "Preview");
    this.go = h("button", { type: "button", class: "danger", id: "purge-now", disabled: true, onclick: () => this.purge() }, "Purge");
    this.note = h("p", { class: "note", id: "purge-note" });
    this.result = h("div", { role: "status", id: "purge-result" });
    this.problem = h("p", { class: "problem", role: "alert", id: "purge-problem" });
    const form = h("form", { class: "form", onsubmit: (event) => { event.preventDefault(); this.look(); } },
      h("fieldset", {}, h("legend", { class: "visually-hidden" }, "What is purged"), h("div", { class: "choices" }, choices)),
      h("p", { class: "row" }, this.label, this.input, this.options), this.hint, h("p", { class: "row" }, this.preview, this.go), this.note, this.problem, this.result);
    document.getElementById("purge-panel").append(form);
    this.choose(this.kind);
  }

  /** Whether changes are allowed. */
  allow(may) {
    this.may = may;
    say(this.note, may ? "" : "Looking only: no token is configured, so nothing can be purged from here. The service sets one with Admin::token.");
    this.changed();
  }

  suggest(graph) {
    const tags = [...graph.functions, ...graph.invalidations].flatMap((item) => item.tags).filter((tag) => !tag.includes("{"));
    this.known = { tag: [...new Set(tags)].sort(), function: graph.functions.map((item) => item.place.path) };
    this.choose(this.kind);
  }

  choose(kind) {
    this.kind = kind;
    const [label, example, about] = KINDS[kind];
    this.input.placeholder = example;
    say(this.label, label);
    say(this.hint, about);
    this.options.replaceChildren(...(this.known[kind] ?? []).map((value) => h("option", { value })));
    for (const radio of document.querySelectorAll("[name=kind]")) radio.checked = radio.value === kind;
    this.changed();
  }

  fill(kind, name) {
    this.input.value = name;
    this.choose(kind);
    this.input.focus();
  }

  /** What was previewed is not what the form says any more. */
  changed() {
    this.said += 1;
    this.previewed = null;
    this.preview.disabled = false;
    this.go.disabled = true;
    say(this.go, "Purge");
    this.result.replaceChildren();
    say(this.problem, "");
  }

  get order() {
    return { [this.kind]: this.input.value };
  }

  async look() {
    this.changed();
    const { order, said } = this;
    say(this.result, "Looking…");
    this.preview.disabled = true;
    try {
      const { entries, keys, complete } = await post("/purge", { ...order, dry_run: true });
      if (said !== this.said) return;
      const number = `${complete ? "" : "at least "}${entries}`;
      const unknown = !complete && entries === 0;
      this.result.replaceChildren(
        h("p", {}, h("strong", {}, unknown ? "How many entries is not known here" : `${number} ${entries === 1 ? "entry" : "entries"} would go`), unknown ? ": without a server, nothing lists the entries of a tag." : entries === 0 ? "." : entries > keys.length ? `, among them:` : ":"),
        h("ul", { class: "results" }, keys.sort().map((key) => h("li", {}, h("code", {}, key)))));
      this.previewed = order;
      this.go.disabled = !this.may;
      const [[kind, name]] = Object.entries(order);
      if (this.may) say(this.go, `Purge ${kind} ${name}${unknown ? "" : `: ${number}`}`);
    } catch (problem) {
      if (said === this.said) this.failed(problem);
    }
    if (said === this.said) this.preview.disabled = false;
  }

  async purge() {
    const { previewed: order, said } = this;
    if (order === null) return;
    this.go.disabled = true;
    this.preview.disabled = true;
    try {
      const { removed } = await post("/purge", order);
      // The feed tells what became of it, whatever the form says by now.
      if (said !== this.said) return;
      this.changed();
      const [[kind, name]] = Object.entries(order);
      const what = kind === "tag" ? `Done: every entry under the tag ${name} is void.` : `Done: ${kind} ${name}, ${removed} ${removed === 1 ? "entry" : "entries"} removed.`;
      this.result.replaceChildren(h("p", { class: "good dot" }, what));
    } catch (problem) {
      if (said === this.said) this.failed(problem);
    }
    if (said === this.said) this.preview.disabled = false;
  }

  failed(problem) {
    this.result.replaceChildren();
    this.problem.replaceChildren(...prose(problem.wait ? `${problem.message}; again in ${problem.wait} s` : problem.message));
  }
}
