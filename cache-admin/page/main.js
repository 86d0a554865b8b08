// What is asked for when, and what the sections have to do with each other.

import { get, Problem, remember, remembered } from "./api.js";
import { say } from "./dom.js";
import { Entries } from "./entries.js";
import { Feed } from "./feed.js";
import { GraphView } from "./graph.js";
import { Overview } from "./overview.js";
import { PurgeForm } from "./purge.js";
import { Server } from "./server.js";

const EVERY_MS = 2_000;
/** The server itself is asked less often. */
const SERVER_MS = 6_000;

const element = (id) => document.getElementById(id);
const show = (what, name) => {
  element(what).scrollIntoView();
  if (what === "graph") graph.reveal(name);
  if (what === "entries") entries.find(name);
  if (what === "purge") purge.fill(...Object.entries(name)[0]);
};
const overview = new Overview({ show });
const graph = new GraphView({ show });
const entries = new Entries({ show });
const purge = new PurgeForm();
const server = new Server();
const feed = new Feed();
overview.changed = () => tick();

let timer = null;
let asking = false;
let serverAsked = -Infinity;

/** Asks for everything that changes, and draws it. */
async function tick() {
  clearTimeout(timer);
  if (asking) return;
  asking = true;
  const { minutes } = overview;
  try {
    const [history, functions, stats, health] = await Promise.all([get(`/history?minutes=${minutes}&after_ms=${overview.after}`), get("/functions"), get("/stats"), get("/health")]);
    overview.history(history, minutes);
    overview.draw({ functions, stats, health });
    server.draw(health, stats);
    feed.tier(health.tier);
    state(health);
    if (performance.now() - serverAsked > SERVER_MS) askServer(health, stats);
  } catch (problem) {
    failed(problem);
  } finally {
    asking = false;
  }
  if (!element("main").hidden && !document.hidden) timer = setTimeout(tick, EVERY_MS);
}

/** Apart from the rest, because a server in trouble may not answer soon. */
async function askServer(health, stats) {
  serverAsked = performance.now();
  try {
    server.told(await get("/server"));
  } catch (problem) {
    if (problem.status === 401) return;
    server.told([], problem.message);
  }
  server.draw(health, stats);
}

function state(health) {
  say(element("namespace"), health.namespace);
  document.title = `Cache ${health.namespace}`;
  const line = element("state");
  const [mood, text] = health.tier === "Off" ? ["bad", "off: the environment names a server that cannot be read"]
    : health.disabled ? ["warn", "switched off: every function runs uncached"]
    : health.tier === "Local" ? ["good", "in process only"]
    : health.available ? ["good", "Redis is in use"]
    : ["bad", "Redis is not in use: functions run uncached"];
  line.className = `${mood} dot`;
  say(line, text);
}

function failed(problem) {
  // The fault is the page's: it is said, and the next answer may be drawn all the same.
  if (!(problem instanceof Problem)) console.error(problem);
  if (problem.status === 401) return lock(remembered() ? problem.message : "");
  const line = element("state");
  line.className = "bad dot";
  say(line, problem.message);
}

function lock(problem) {
  clearTimeout(timer);
  feed.stop();
  remember(null);
  element("main").hidden = true;
  element("unlock").hidden = false;
  element("forget").hidden = true;
  say(element("who"), "");
  say(element("state"), "");
  say(element("unlock-problem"), problem);
  element("token").focus();
}

async function open() {
  clearTimeout(timer);
  try {
    const me = await get("/me");
    element("unlock").hidden = true;
    element("main").hidden = false;
    say(element("who"), me.may_change ? me.name : "read-only");
    element("forget").hidden = !remembered();
    purge.allow(me.may_change);
    overview.may = me.may_change;
    const whole = await get("/graph");
    graph.draw(whole);
    purge.suggest(whole);
    if (!document.hidden) feed.start(failed);
    await tick();
  } catch (problem) {
    failed(problem);
    if (problem.status === 401) return;
    // Another token can be given, whatever is wrong with the one that is kept.
    if (remembered() && element("main").hidden) element("unlock").hidden = false;
    timer = setTimeout(open, EVERY_MS);
  }
}

element("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = element("token").value.trim();
  element("token").value = "";
  if (!/^[\x21-\x7e]+$/.test(given)) return say(element("unlock-problem"), "a token consists of letters, digits and -._~+/=");
  say(element("unlock-problem"), "");
  remember(given);
  open();
});
element("forget").addEventListener("click", () => lock(""));
document.addEventListener("visibilitychange", () => {
  if (element("main").hidden) return;
  // There are only so many feeds: a tab that nobody sees keeps none.
  if (document.hidden) return feed.stop();
  feed.missed("this tab was hidden");
  feed.start(failed);
  tick();
});

open();
