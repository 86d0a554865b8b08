// Which entries there are, and why one hits or misses.

import { get } from "./api.js";
import { bytes, facts, h, lifetime, prose, say } from "./dom.js";

const LIMIT = 50;

export class Entries {
  constructor({ show }) {
    this.show = show;
    /** Count what was asked for: an answer to what was asked before is late. */
    this.searches = 0;
    this.looks = 0;
    this.pattern = h("input", { id: "pattern", class: "mono", type: "search", value: "*", autocomplete: "off", spellcheck: "false", "aria-describedby": "pattern-hint" });
    this.hint = h("p", { class: "hint", id: "pattern-hint" }, "A Redis glob, such as ", h("code", {}, "user:*"), ". It walks over the keys of the server in small steps.");
    this.status = h("p", { class: "hint", role: "status" });
    this.problem = h("p", { class: "problem", role: "alert" });
    this.list = h("ul", { class: "results" });
    this.more = h("button", { type: "button", hidden: true, onclick: () => this.page() }, "More");
    this.about = h("div", { id: "entry", class: "entry", tabindex: "-1" });
    const form = h("form", { class: "form", onsubmit: (event) => { event.preventDefault(); this.search(); } },
      h("p", { class: "row" }, h("label", { for: "pattern" }, "Match"), this.pattern, h("button", { class: "primary" }, "List")), this.hint);
    document.getElementById("entries-panel").append(form, this.problem, this.about, this.list, this.status, this.more);
  }

  find(pattern) {
    this.pattern.value = pattern;
    this.search();
    this.pattern.focus();
  }

  search() {
    this.list.replaceChildren();
    this.about.replaceChildren();
    this.cursor = null;
    this.met = new Set();
    this.match = this.pattern.value || "*";
    this.searches += 1;
    this.looks += 1;
    return this.page();
  }

  async page() {
    const { match, searches } = this;
    const query = new URLSearchParams({ match, limit: LIMIT });
    if (this.cursor) query.set("cursor", this.cursor);
    this.more.disabled = true;
    say(this.problem, "");
    try {
      const page = await get(`/entries?${query}`);
      if (searches !== this.searches) return;
      this.cursor = page.next;
      for (const key of page.keys.sort()) if (!this.met.has(key)) this.add(key);
      const more = page.next ? "; there are more" : "";
      const cut = page.left_out > 0 ? `, and ${page.left_out} that are not shown` : "";
      say(this.status, this.met.size === 0 && !page.next ? "No key matches. Keys are without the namespace: try * alone." : `${this.met.size} ${this.met.size === 1 ? "key" : "keys"}${cut}${more}`);
      this.more.hidden = !page.next;
    } catch (problem) {
      if (searches !== this.searches) return;
      this.problem.replaceChildren(...prose(problem.message));
    }
    this.more.disabled = false;
  }

  add(key) {
    this.met.add(key);
    this.list.append(h("li", {}, h("button", { type: "button", class: "link mono", onclick: () => this.explain(key) }, key)));
  }

  async explain(key) {
    const looks = this.looks += 1;
    say(this.problem, "");
    try {
      const entry = await get(`/entries/${key.split("/").map(encodeURIComponent).join("/")}`);
      if (looks !== this.looks) return;
      this.tell(entry);
      this.about.focus({ preventScroll: true });
      this.about.scrollIntoView({ block: "nearest" });
    } catch (problem) {
      if (looks !== this.looks) return;
      this.problem.replaceChildren(...prose(problem.message));
    }
  }

  tell(entry) {
    const { verdict, value } = entry;
    const mood = { hit: "good", miss: "bad", unknown: "warn" }[verdict.outcome] ?? "";
    const outcome = { hit: "A read would hit", miss: "A read would miss", unknown: "It cannot be told from here" }[verdict.outcome];
    const tags = entry.tags.map((tag) => h("div", {}, h("code", {}, tag.name ?? "(name not known here)"), " ", h("span", { class: `badge ${tag.standing === "stands" ? "" : "warn"}` }, tag.standing), tag.from_result && " named by the result"));
    const rows = facts([
      ["Holds", { nothing: "nothing", token: "the token of a load", fence: "the mark of a mutation", hint: "the tags of the next load", value: value?.negative ? "a cached absence" : "a value", other: "something that is not ours" }[entry.held]],
      ["Written", value && `${new Date(value.written_at_ms).toLocaleString()}, ${lifetime(value.age_ms)} ago`],
      ["Lives", entry.ttl_left_ms != null && `${lifetime(entry.ttl_left_ms)} more${value ? ` of ${lifetime(value.ttl_ms)}` : ""}`],
      ["In this process", entry.in_process_ms != null && `for ${lifetime(entry.in_process_ms)} more`],
      ["Size", entry.bytes > 0 && `${bytes(entry.bytes)}${value ? `, payload ${bytes(value.payload_bytes)}${value.compressed ? ", compressed" : ""}` : ""}`],
      ["Tags", tags.length > 0 && h("div", {}, tags)],
      ["Read by", entry.functions.length > 0 ? h("code", {}, entry.functions.map((place) => place.path).join(", ")) : "no function of this program"],
      ["Shape", value && h("code", {}, value.shape)],
      ["History", value && h("span", {}, h("code", {}, value.history), value.history_is_current ? " current" : " of before: the server lost its memory since")],
      ["Master", entry.master && h("code", {}, entry.master)],
    ]);
    this.about.replaceChildren(
      h("div", { class: `verdict ${mood}` }, h("strong", {}, outcome), h("div", {}, prose(sentence(verdict.why)))),
      h("h3", { class: "mono" }, entry.key), rows,
      h("p", { class: "row" }, h("button", { type: "button", onclick: () => this.explain(entry.key) }, "Look again"), h("button", { type: "button", onclick: () => this.show("purge", { key: entry.key }) }, "Purge…"), h("button", { type: "button", onclick: () => this.about.replaceChildren() }, "Close")));
  }
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;
