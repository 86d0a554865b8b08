// The routes. The token is kept in this tab, and travels in a header only.

const base = document.documentElement.dataset.base;
const PLACE = "cache-admin-token";
let token = read();

function read() {
  try { return sessionStorage.getItem(PLACE); } catch { return null; }
}

/** Keeps a token for this tab; `null` forgets it. */
export function remember(given) {
  token = given;
  try {
    if (given === null) sessionStorage.removeItem(PLACE);
    else sessionStorage.setItem(PLACE, given);
  } catch { /* Without storage it lives until the tab is reloaded. */ }
}

export const remembered = () => token !== null;

/** What a route answers when it does not: its status, what it says, and after how many seconds to ask again. */
export class Problem extends Error {
  constructor(status, detail, wait = null) {
    super(detail);
    this.status = status;
    this.wait = wait;
  }
}

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(base + path, { ...options, headers, cache: "no-store", credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "the service does not answer");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const wait = Number(response.headers.get("retry-after")) || null;
  throw new Problem(response.status, body.detail ?? `it answered ${response.status}`, wait);
}

async function told(path, options) {
  const response = await ask(path, options);
  try {
    return await response.json();
  } catch {
    throw new Problem(0, "the answer of the service broke off");
  }
}

export const get = (path) => told(path);

export function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return told(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Calls `heard(event, data)` for each server-sent event until the stream ends. `EventSource` could send no token. */
export async function listen(path, heard, signal) {
  const response = await ask(path, { signal, headers: { Accept: "text/event-stream" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      let event = "message";
      const data = [];
      for (const line of block.split("\n")) {
        if (line.startsWith("event:")) event = line.slice(6).trim();
        if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
      }
      if (data.length > 0) heard(event, JSON.parse(data.join("\n")));
    }
  }
}
