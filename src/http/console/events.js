// The event log, live: newest first, filtered by the service, as many as a page can hold.

import { follow, get } from "./api.js";
import { byId, DIALECTS, failure, filled, h, notice, number, when, whenSettled } from "./dom.js";

/** Events on the page; older ones leave it. */
const SHOWN_MAX = 200;
/** How far before the head it begins, so that the page is not empty. */
const BEFORE = 100;
const OPERATIONS = ["CREATE", "UPDATE", "DELETE", "ERASE", "RETRIEVE", "RETRIEVE_LIST"];
const PHASES = ["START", "SUCCESS", "FAIL"];

let following = new AbortController();
let paused = false;
let waiting = [];
let frame = 0;

const types = (dialect) =>
  OPERATIONS.flatMap((operation) => PHASES.map((phase) => `${DIALECTS[dialect]}_${operation}_${phase}`));

/** The types of the chosen dialect, or of all. */
const offerTypes = () => {
  const select = byId("event-type");
  const chosen = select.value;
  const only = byId("event-dialect").value;
  const dialects = only ? [only] : Object.keys(DIALECTS);
  select.replaceChildren(h("option", { value: "" }, "Any"),
    ...dialects.map((dialect) => h("optgroup", { label: dialect }, types(dialect).map((type) => h("option", {}, type)))));
  if (dialects.some((dialect) => types(dialect).includes(chosen))) select.value = chosen;
};

const row = (event) => {
  const { data = {}, type, time, subject, sequence } = event;
  const phase = (data.phase ?? type.split("_").at(-1)).toLowerCase();
  const about = [data.dialect, data.tenant].filter(Boolean).join(" / ") || event.source;
  return h("li", { class: `event ${phase}`, "data-sequence": Number(sequence) },
    h("details", {},
      h("summary", {},
        h("span", { class: "event-time" }, when(time, "clock")),
        h("span", { class: "event-dot", "aria-hidden": "true" }),
        h("span", { class: "event-type" }, type),
        h("span", { class: "event-about" }, about),
        h("span", { class: "event-position" }, number(Number(sequence)))),
      data.error && h("p", { class: "error-text" }, [data.error.code, data.error.message].filter(Boolean).join(": ")),
      subject && h("p", {}, h("a", { href: `#contacts/${subject}` }, "Open the contact")),
      h("pre", { tabindex: "0" }, JSON.stringify(event, null, 2))));
};

/** Puts what has come on the page, once a frame however much comes. */
const draw = () => {
  frame = 0;
  const log = byId("log");
  const rows = waiting.slice(-SHOWN_MAX).map(row).reverse();
  waiting = [];
  if (rows.length > 0) byId("event-notice").replaceChildren();
  log.prepend(...rows);
  while (log.childElementCount > SHOWN_MAX) log.lastElementChild.remove();
};

const take = (events) => {
  waiting = [...waiting, ...events].slice(-SHOWN_MAX);
  if (paused) say("paused", `Paused · ${number(waiting.length)}${waiting.length === SHOWN_MAX ? " or more" : ""} waiting`);
  else frame ||= requestAnimationFrame(draw);
};

const say = (state, text) => {
  byId("live").dataset.state = { live: "good", refused: "bad", waiting: "bad", paused: "idle" }[state] ?? "unknown";
  byId("live-text").textContent = text;
};

const heard = (state, detail) => {
  if (state === "live") say(state, "Live");
  if (state === "waiting") say(state, "Connection lost, trying again…");
  if (state === "refused") {
    say(state, "Not live");
    byId("event-notice").replaceChildren(failure(detail, restart));
  }
};

/** Follows the log anew, by the filters of now. */
const restart = async () => {
  following.abort();
  const { signal } = (following = new AbortController());
  waiting = [];
  byId("log").replaceChildren();
  byId("event-notice").replaceChildren(notice("Nothing yet", "Events that pass the filters appear here as they happen."));
  setPaused(false);
  say("unknown", "Connecting…");
  const head = await get("/readyz", {}, { anyStatus: true, signal }).catch(() => ({ position: 0 }));
  if (signal.aborted) return;
  const after = Math.max(0, head.position - BEFORE);
  await follow(filled(byId("event-filters")), after, { signal, take, state: heard });
};

const setPaused = (now) => {
  paused = now;
  const button = byId("pause");
  button.setAttribute("aria-pressed", String(now));
  button.textContent = now ? "Go on" : "Pause";
};

export const prepare = () => {
  offerTypes();
  byId("event-dialect").addEventListener("change", offerTypes);
  whenSettled(byId("event-filters"), restart);
  byId("pause").addEventListener("click", () => {
    setPaused(!paused);
    say(paused ? "paused" : "live", paused ? "Paused" : "Live");
    if (!paused) draw();
  });
};

export const enter = () => {
  restart();
  return () => following.abort();
};
