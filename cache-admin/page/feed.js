// Invalidations by whomever, and changes made here, as they happen.

import { listen, Problem } from "./api.js";
import { clock, h, say } from "./dom.js";

const KEPT = 100;
const AGAIN_MS = 3_000;
/** More names of one invalidation are behind a summary. */
const SHOWN = 3;

export class Feed {
  constructor() {
    this.paused = false;
    this.waiting = [];
    this.list = h("ol", { tabindex: "0", "aria-label": "Invalidations, latest first" });
    this.hint = h("p", { class: "hint" });
    this.button = h("button", { type: "button", "aria-pressed": "false", onclick: () => this.pause(!this.paused) }, "Pause");
    document.getElementById("feed").append(h("h3", {}, "Invalidations", this.button), this.hint, this.list);
    this.quiet();
  }

  /** Listens until `stop`; when the stream ends, again. `lost` is told when the token is refused. */
  start(lost) {
    this.stop();
    const control = new AbortController();
    this.control = control;
    const run = async () => {
      while (!control.signal.aborted) {
        try {
          await listen("/feed", (event, data) => this.heard(event, data), control.signal);
        } catch (problem) {
          if (control.signal.aborted) return;
          if (problem instanceof Problem && problem.status === 401) return lost(problem);
          say(this.hint, "Not heard at the moment; trying again.");
        }
        await new Promise((done) => setTimeout(done, AGAIN_MS));
      }
    };
    run();
  }

  stop() {
    this.control?.abort();
  }

  /** Says that nobody listened until now. */
  missed(cause) {
    if (this.list.childElementCount > 0) this.heard("invalidation", { kind: "gap", at_ms: Date.now(), cause });
  }

  tier(tier) {
    this.local = tier !== "Redis";
    if (this.list.childElementCount === 0) this.quiet();
  }

  quiet() {
    say(this.hint, this.local ? "This cache has no server, so nothing is broadcast. Purges from here are shown." : "None yet. One shows as soon as any process of this namespace invalidates, puts or purges.");
  }

  pause(paused) {
    this.paused = paused;
    this.button.setAttribute("aria-pressed", String(paused));
    say(this.button, paused ? "Go on" : "Pause");
    if (!paused) this.waiting.splice(0).forEach((item) => this.add(item));
  }

  heard(event, data) {
    if (event === "open") return this.list.childElementCount === 0 ? this.quiet() : say(this.hint, "");
    if (event === "deaf") return say(this.hint, `Not heard: ${data.cause}`);
    const item = event === "change" ? change(data) : event === "invalidation" ? invalidation(data) : null;
    if (item === null) return;
    if (!this.paused) return this.add(item);
    this.waiting.push(item);
    if (this.waiting.length > KEPT) this.waiting.shift();
    say(this.button, `Go on (${this.waiting.length})`);
  }

  add(item) {
    say(this.hint, "");
    item.classList.add("new");
    this.list.prepend(item);
    while (this.list.childElementCount > KEPT) this.list.lastChild.remove();
  }
}

const row = (at, ...parts) => h("li", {}, h("time", {}, clock(at)), h("div", {}, ...parts));
const badge = (text, mood = "") => h("span", { class: `badge ${mood}` }, text);

function invalidation(data) {
  if (data.kind === "everything") return row(data.at_ms, badge("everything", "warn"), " all that is kept in process");
  if (data.kind === "gap") return row(data.at_ms, badge("gap", "bad"), ` ${data.cause}`);
  const names = data.names.map((name) => {
    const [[kind, text]] = Object.entries(name);
    return h("span", {}, badge(kind), " ", h("code", { title: kind === "unknown" ? "a name that this process has not met: its hash" : null }, text));
  });
  const rest = names.splice(SHOWN);
  const more = rest.length + data.more;
  return row(data.at_ms, h("div", { class: "names" }, names), more > 0 && h("details", {}, h("summary", { class: "muted" }, `${more} more`), h("div", { class: "names" }, rest, data.more > 0 && h("span", { class: "muted" }, `and ${data.more} that are not told`))));
}

function change(data) {
  const who = data.who.name ?? "this machine";
  const outcome = data.error ? `failed: ${data.error}` : data.count == null ? "" : `${data.count} removed`;
  return row(data.at_ms, badge(who, data.error ? "bad" : "warn"), " ", data.what, outcome && h("span", { class: "muted" }, ` · ${outcome}`));
}
