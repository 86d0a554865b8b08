// What Redis, the breaker and the in-process tier are doing.

import { bytes, count, facts, h, lifetime, renew, times, took } from "./dom.js";

export class Server {
  constructor() {
    this.root = document.getElementById("server");
    this.info = [];
    this.problem = "";
  }

  /** `info`: what each master says of itself. */
  told(info, problem = "") {
    this.info = info;
    this.problem = problem;
  }

  draw(health, stats) {
    const { local } = health;
    const common = [
      ["Breaker", h("span", { class: health.available ? "good dot" : "bad dot" }, health.available ? "closed" : "open")],
      ["Trouble", health.last_error],
      ["History guard", health.history_guard == null ? null : health.history_guard ? "on" : "off: the server hides its history"],
      ["In process", local && (local.denied ? "nothing: the server lets nobody listen" : `vouched for ${lifetime(local.vouched_for.secs * 1000 + local.vouched_for.nanos / 1e6)}`)],
      ["Heartbeat", local?.lag && took(local.lag.secs * 1e6 + local.lag.nanos / 1e3)],
      ["Not heard", local?.last_error],
      // The first time is when it first listens, with nothing there yet.
      ["Everything dropped", local && stats.local_epoch > 1 && times(stats.local_epoch - 1)],
      ["Loads now", count(stats.flights)],
      ["Policy file", health.policy_problem && h("span", { class: "problem" }, health.policy_problem)],
      ["Delivered late", stats.invalidations_deferred > 0 ? count(stats.invalidations_deferred) : null],
    ];
    const title = health.tier === "Redis" ? "Redis" : "No server";
    const parts = [h("h3", {}, title)];
    if (health.tier !== "Redis") parts.push(h("p", { class: "hint" }, health.tier === "Local" ? "Entries live in this process only. With CACHE_URL in the environment they are shared." : "The environment names a server in a way that cannot be read: functions run uncached."));
    const columns = [];
    columns.push(facts(health.tier === "Redis" ? common : common.filter(([name]) => ["Policy file", "Loads now"].includes(name))));
    for (const server of this.info) columns.push(facts([["Master", h("code", {}, server.name)], ...rows(server)]));
    parts.push(h("div", { class: "columns" }, columns));
    if (this.problem) parts.push(h("p", { class: "problem" }, this.problem));
    renew(this.root, ...parts);
  }
}

function rows(server) {
  const memory = server.memory_used == null ? null : `${bytes(server.memory_used)}${server.memory_limit ? ` of ${bytes(server.memory_limit)}` : ", no limit"}${server.memory_policy ? `, ${server.memory_policy}` : ""}`;
  return [
    ["Version", server.version && [server.product, server.version, server.mode].filter(Boolean).join(" ")],
    ["Up", server.uptime_s == null ? null : lifetime(server.uptime_s * 1000)],
    ["Memory", memory],
    ["Keys", server.keys == null ? null : `${count(server.keys)}, on the whole server`],
    ["Evicted", server.evicted > 0 ? h("span", { class: "warn" }, count(server.evicted)) : server.evicted === 0 ? "none" : null],
    ["Clients", server.clients == null ? null : `${count(server.clients)}${server.clients_limit ? ` of ${count(server.clients_limit)}` : ""}`],
    ["Commands", server.commands_per_s == null ? null : `${count(server.commands_per_s)} /s`],
    ["Ping", took(server.latency_us)],
  ];
}
