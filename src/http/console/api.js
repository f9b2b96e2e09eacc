// Requests to the service this page came from. The token travels in a header and nowhere else: not
// in an address, not in a cookie; it is kept for as long as the tab is open.

const KEY = "contactd-token";

// What a browser that keeps nothing for pages falls back to.
let held = "";

export const token = () => {
  try {
    return sessionStorage.getItem(KEY) ?? held;
  } catch {
    return held;
  }
};

export const keepToken = (text) => {
  held = text;
  try {
    if (text) sessionStorage.setItem(KEY, text);
    else sessionStorage.clear();
  } catch {
    // It is held in memory.
  }
};

/** How a line for a shell shows a token, where one is needed: by a variable, never by its text. */
export const shellToken = () => (token() ? ' -H "Authorization: Bearer $TOKEN"' : "");

/** What the service refused, in its own words. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.detail ?? "");
    this.status = status;
    this.code = body?.code;
    this.title = body?.title ?? `The service answered ${status}`;
  }
}

/** It could not be asked at all. */
class Unreachable extends Error {
  title = "The service can't be reached";
  constructor() {
    super("It may have stopped, or the network is away.");
  }
}

let onUnauthorized = () => {};

/** Says whom to tell that a token is needed, or that the one there is was refused. */
export const whenUnauthorized = (callback) => {
  onUnauthorized = callback;
};

/** One request. A path of another origin is never asked: the token is this service's alone. */
const ask = async (path, parameters, { accept = "application/json", method = "GET", headers = {}, body, signal, mind401 = true } = {}) => {
  const query = new URLSearchParams(parameters).toString();
  const address = new URL(query ? `${path}?${query}` : path, location.origin);
  if (address.origin !== location.origin) throw new Refused(0, { title: "Not sent", detail: "The path must begin with one slash." });
  const sent = new Headers({ accept, ...headers });
  const bearer = token();
  if (bearer) sent.set("authorization", `Bearer ${bearer}`);
  const request = { method, headers: sent, body, signal, cache: "no-store", credentials: "omit", redirect: "error" };
  const response = await fetch(address, request).catch((error) => {
    throw error.name === "AbortError" ? error : new Unreachable();
  });
  if (response.status === 401 && mind401) onUnauthorized(bearer !== "");
  return response;
};

/** JSON from the service, with the position that it is of; with `anyStatus`, also where it refuses. */
export const getPage = async (path, parameters = {}, { anyStatus = false, ...options } = {}) => {
  const response = await ask(path, parameters, options);
  const body = await response.json().catch(() => null);
  if (!response.ok && !(anyStatus && body)) throw new Refused(response.status, body);
  return { body, position: Number(response.headers.get("contact-position") ?? 0) };
};

/** JSON from the service. */
export const get = async (path, parameters, options) => (await getPage(path, parameters, options)).body;

/** Text from the service. */
export const getText = async (path) => {
  const response = await ask(path, {}, { accept: "text/plain" });
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => null));
  return response.text();
};

/** Bytes from the service, such as a tile; a refusal is `null` where its status is one of those that are expected. */
export const getBytes = async (path, expected = []) => {
  const response = await ask(path, {}, { accept: "application/octet-stream" });
  if (expected.includes(response.status)) return null;
  if (!response.ok) throw new Refused(response.status, null);
  return new Uint8Array(await response.arrayBuffer());
};

/** Sends what somebody wrote, and gives the answer whatever it is: a 401 may be about a vendor's second token. */
export const send = async (method, path, { headers, body, mind401 = false } = {}) => {
  const response = await ask(path, {}, { method, headers, body, mind401 });
  const text = await response.text();
  let json = null;
  try {
    json = JSON.parse(text);
  } catch {
    // Some answers are empty, or no JSON.
  }
  return { ok: response.ok, status: response.status, headers: response.headers, text, json };
};

/** The same, where anything but success is an error. */
export const act = async (method, path, options) => {
  const answer = await send(method, path, { ...options, mind401: true });
  if (!answer.ok) throw new Refused(answer.status, answer.json);
  return answer;
};

const pause = (milliseconds, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });

/** Gives each line of a growing answer as JSON, several at once where they come at once. */
const lines = async (response, take) => {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    // The last line of a stream that breaks off is no event: it says why.
    const events = parts.filter((line) => line).map((line) => JSON.parse(line)).filter((event) => event.specversion);
    if (events.length > 0) take(events);
  }
};

/**
 * Follows the event log until it is aborted: `EventSource` can't send a token, so this reads the
 * lines itself, and goes on after the last event where a connection broke.
 */
export const follow = async (parameters, after, { signal, take, state }) => {
  let wait = 1;
  while (!signal.aborted) {
    try {
      const asked = { ...parameters, after, follow: "true" };
      const response = await ask("/events", asked, { accept: "application/x-ndjson", signal });
      if (!response.ok) {
        const refused = new Refused(response.status, await response.json().catch(() => null));
        // What the caller may not see, or asked wrongly, stays so.
        if (response.status < 500 && response.status !== 429) return state("refused", refused);
        throw refused;
      }
      state("live");
      wait = 1;
      await lines(response, (events) => {
        after = Number(events.at(-1).sequence);
        take(events);
      });
    } catch (error) {
      if (signal.aborted) return;
      console.warn("the stream of events broke:", error.message);
    }
    state("waiting", wait);
    await pause(wait * 1000, signal);
    wait = Math.min(wait * 2, 30);
  }
};
