// What is said of a function by hand: on, off, for how long, for how many keys.

import { post } from "./api.js";
import { h, prose, say } from "./dom.js";

let forms = 0;

export class Steer {
  /** `may`: whether changes are allowed. `changed` is called after one. */
  constructor(item, may, changed) {
    this.item = item;
    this.changed = changed;
    this.says = h("p", { class: "hint" });
    this.status = h("p", { class: "good", role: "status" });
    this.problem = h("p", { class: "problem", role: "alert" });
    const field = (name, label, input) => {
      input.id = `steer-${name}-${forms}`;
      return [h("dt", {}, h("label", { for: input.id }, label)), h("dd", {}, input)];
    };
    forms += 1;
    const text = (placeholder) => h("input", { type: "text", placeholder, autocomplete: "off", spellcheck: "false", maxlength: "20" });
    this.enabled = h("select", {}, [["", "nothing by hand"], ["true", "on"], ["false", "off"]].map(([value, label]) => h("option", { value }, label)));
    this.ttl = text("5m, 90s or x0.5");
    this.local = text("5s or off");
    this.percent = text("0 to 100");
    const fields = [field("enabled", "Cached", this.enabled), field("ttl", "Lifetime", this.ttl), field("local", "In process", this.local), field("percent", "Percent of keys", this.percent)];
    const clear = h("button", { type: "button", onclick: () => this.send({}) }, "Nothing by hand");
    this.root = may
      ? h("form", { class: "form steer", onsubmit: (event) => { event.preventDefault(); this.send(this.rule); } }, h("dl", { class: "facts" }, fields), h("p", { class: "row" }, h("button", { class: "primary" }, "Apply"), clear), this.says, this.problem, this.status)
      : h("div", { class: "stack" }, this.says, h("p", { class: "hint" }, "Steering needs a token, and none is configured."));
    this.fill(item.by_hand);
    this.told(item);
  }

  fill(rule) {
    this.enabled.value = rule.enabled == null ? "" : String(rule.enabled);
    this.ttl.value = rule.ttl ?? "";
    this.local.value = rule.local === false ? "off" : rule.local ?? "";
    this.percent.value = rule.percent ?? "";
  }

  /** What the form says, as the route takes it. */
  get rule() {
    const rule = {};
    if (this.enabled.value) rule.enabled = this.enabled.value === "true";
    if (this.ttl.value.trim()) rule.ttl = this.ttl.value.trim();
    if (this.local.value.trim()) rule.local = this.local.value.trim() === "off" ? false : this.local.value.trim();
    const percent = this.percent.value.trim();
    // What is no number goes as it was typed, and the service says what is wrong with it.
    if (percent) rule.percent = Number.isFinite(Number(percent)) ? Number(percent) : percent;
    return rule;
  }

  told(item) {
    const said = (rule) => Object.entries(rule).filter(([, value]) => value != null).map(([name, value]) => `${name} = ${value}`).join(", ");
    const [all, hand] = [said(item.rule), said(item.by_hand)];
    say(this.says, all === "" ? "Nothing is said by hand or by the policy file. What is said here holds for this process until it ends." : hand === "" ? `The policy file says ${all}.` : `In force: ${all}. By hand: ${hand}.`);
  }

  async send(rule) {
    say(this.problem, "");
    say(this.status, "");
    try {
      await post(`/functions/${encodeURIComponent(this.item.path)}`, rule);
      this.fill(rule);
      say(this.status, "Done.");
      this.changed();
    } catch (problem) {
      this.problem.replaceChildren(...prose(problem.message));
    }
  }
}
