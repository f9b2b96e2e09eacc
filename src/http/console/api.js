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
    else sessionStorage.removeItem(KEY);
  } catch {
    // It is held in memory.
  }
};

/** What the service refused, in its own words. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.detail ?? "");
    this.status = status;
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

const ask = async (path, parameters, { accept = "application/json", signal } = {}) => {
  const query = new URLSearchParams(parameters).toString();
  const headers = { accept };
  const bearer = token();
  if (bearer) headers.authorization = `Bearer ${bearer}`;
  const request = { headers, signal, cache: "no-store", credentials: "omit", redirect: "error" };
  const response = await fetch(query ? `${path}?${query}` : path, request).catch((error) => {
    throw error.name === "AbortError" ? error : new Unreachable();
  });
  if (response.status === 401) onUnauthorized(bearer !== "");
  return response;
};

/** JSON from the service; with `anyStatus`, also where it refuses. */
export const get = async (path, parameters = {}, { anyStatus = false, ...options } = {}) => {
  const response = await ask(path, parameters, options);
  const body = await response.json().catch(() => null);
  if (!response.ok && !(anyStatus && body)) throw new Refused(response.status, body);
  return body;
};

/** Text from the service. */
export const getText = async (path) => {
  const response = await ask(path, {}, { accept: "text/plain" });
  if (!response.ok) throw new Refused(response.status, null);
  return response.text();
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
