// The event log as commands, newest first: live at its head, and back to its beginning page by page. The
// service filters; the address holds the filters and the position that was jumped to.

import { keep, link, read } from "./address.js";
import { follow, getPage } from "./api.js";
import { byId, DIALECTS, failure, filled, fillForm, h, moment, notice, number, whenSettled } from "./dom.js";
import { keyOf, positionOf, put, row } from "./event.js";

const PAGE = 100;
/** Rows that a live page holds; older ones leave it, and are a button away. */
const LIVE_MAX = 300;
/** Events that wait while the page is paused, or is being drawn; with more it is read anew. */
const WAITING_MAX = 600;
const OPERATIONS = ["CREATE", "UPDATE", "DELETE", "ERASE", "RETRIEVE", "RETRIEVE_LIST"];
const PHASES = ["START", "SUCCESS", "FAIL"];
const LESS_USED = ["type", "subject", "correlationid", "since", "until"];

let following = new AbortController();
let paused = false;
let waiting = [];
let frame = 0;
/** The commands on the page, by what joins their events. */
let commands = new Map();
/** What to ask for next: before which position, 0 at the beginning of the log. */
let older = 0;
/** After which position newer ones are, while the page does not reach the head. */
let newer = null;
/** Whether more came than waits: the page must be read anew, for it would have a gap. */
let overflowed = false;
/** Whether the reader went back in the log: what was asked for is not taken away again. */
let wentBack = false;
/** The position that was jumped to. */
let target = null;

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

const filters = () => filled(byId("event-filters"));

const nodeOf = (command) => {
  command.node = row(command, { open: command.node?.querySelector("details").open });
  return command.node;
};

/** Puts events on the page, at its top or its end, each into the row of its command. */
const place = (events, where) => {
  const log = byId("log");
  const fresh = [];
  for (const event of events) {
    const known = commands.get(keyOf(event));
    if (known) {
      const old = known.node;
      put(known, event);
      old?.replaceWith(nodeOf(known));
    } else {
      const command = put({}, event);
      commands.set(keyOf(event), command);
      fresh.push(command);
    }
  }
  const rows = fresh.map(nodeOf);
  if (where === "top") log.prepend(...rows.reverse());
  else log.append(...rows);
  if (commands.size > 0) byId("event-notice").replaceChildren();
};

/** The last position of a command that is on the page. */
const lastOf = ({ start, outcome }) => positionOf(outcome ?? start);

const trim = () => {
  if (wentBack) return;
  const gone = [...commands.entries()].sort(([, a], [, b]) => lastOf(b) - lastOf(a)).slice(LIVE_MAX);
  if (gone.length === 0) return;
  // Before the next position: the outcome of the newest that goes, and all that is older.
  older = lastOf(gone[0][1]) + 1;
  for (const [key, command] of gone) {
    command.node?.remove();
    commands.delete(key);
  }
  tell();
};

/** Puts what has come on the page, once a frame however much comes. */
const draw = () => {
  frame = 0;
  if (overflowed) return restart();
  place(waiting, "top");
  waiting = [];
  trim();
};

const take = (events) => {
  overflowed ||= waiting.length + events.length > WAITING_MAX;
  waiting = overflowed ? [] : [...waiting, ...events];
  if (paused) say("paused", overflowed ? `Paused · more than ${number(WAITING_MAX)} events waiting` : `Paused · ${number(waiting.length)} events waiting`);
  else frame ||= requestAnimationFrame(draw);
};

const say = (state, text) => {
  byId("live").dataset.state = { live: "good", refused: "bad", waiting: "bad", paused: "idle" }[state] ?? "unknown";
  byId("live-text").textContent = text;
  byId("pause").hidden = !["live", "paused"].includes(state);
  byId("to-head").hidden = newer === null && !target;
};

const heard = (state, detail) => {
  if (state === "live") say(state, "Live");
  if (state === "waiting") say(state, "Connection lost, trying again…");
  if (state === "refused") {
    say(state, "Not live");
    byId("event-notice").replaceChildren(failure(detail, restart));
  }
};

/** Says where the page begins and ends. */
const tell = (text) => {
  const isFiltered = Object.keys(filters()).length > 0;
  byId("older").hidden = older === 0;
  byId("newer").hidden = newer === null;
  byId("event-end").textContent = text
    ?? (older === 0 && commands.size > 0 ? (isFiltered ? "No older events match." : "This is the beginning of the log.") : "");
  if (older === 0 && commands.size === 0) {
    byId("event-notice").replaceChildren(isFiltered
      ? notice("No event matches", "The whole log was looked through. Take a filter away to see more.")
      : notice("Nothing recorded yet", "Every command appears here as it happens: what was asked, by whom, and what came of it."));
  }
};

/** Asks for the page before what is shown; goes on while a page holds nothing that matches. */
const back = async (signal) => {
  byId("older").disabled = true;
  try {
    for (;;) {
      const asked = { ...filters(), order: "desc", limit: PAGE };
      if (older > 0) asked.after = older;
      const { body: { events, next }, position } = await getPage("/events", asked, { signal });
      older = next;
      place(events, "end");
      if (events.length > 0 || next === 0) return position;
      tell(`Looked back to position ${number(next)}…`);
    }
  } finally {
    byId("older").disabled = false;
    if (!signal.aborted) tell();
  }
};

/** Asks for the page after what is shown, until the head is reached; then what comes is live. */
const forth = async (signal) => {
  const { body: { events, next }, position } = await getPage("/events", { ...filters(), after: newer, limit: PAGE }, { signal });
  place(events, "top");
  newer = next >= position ? null : next;
  tell();
  if (newer === null) live(next, signal);
};

const live = (after, signal) => {
  if (filters().until) return say("idle", `Up to ${moment(filters().until)}`);
  target = null;
  return follow(filters(), after, { signal, take, state: heard });
};

const trying = async (work) => {
  const { signal } = following;
  try {
    await work(signal);
  } catch (error) {
    if (signal.aborted) return;
    say("refused", "Not live");
    byId("event-notice").replaceChildren(failure(error, restart));
  }
};

/** Begins anew, by the filters and the position of now. */
const restart = () => {
  following.abort();
  following = new AbortController();
  [waiting, overflowed, commands, older, newer, wentBack] = [[], false, new Map(), 0, null, false];
  for (const id of ["log", "event-notice"]) byId(id).replaceChildren();
  byId("event-end").textContent = "";
  for (const id of ["older", "newer"]) byId(id).hidden = true;
  setPaused(false);
  say("unknown", "Looking…");
  return trying(async (signal) => {
    if (target) return jump(signal);
    await live(await back(signal), signal);
  });
};

/** Shows the log around the position that was jumped to. */
const jump = async (signal) => {
  const { position: head } = await getPage("/events", { limit: 1 }, { signal });
  if (target > head) {
    say("idle", "");
    older = head;
    byId("event-notice").replaceChildren(notice(`There is no event ${number(target)} yet`, `The log ends at ${number(head)}.`));
    return;
  }
  // The outcome of a START stands right behind it, so one more is asked for.
  older = target + 2 > head ? 0 : target + 2;
  await back(signal);
  for (const [key, { start, outcome, node }] of commands) {
    // Half of the next command, which the page after this one holds whole.
    if (outcome || positionOf(start) <= target) continue;
    node.remove();
    commands.delete(key);
  }
  const reached = Math.max(0, ...[...commands.values()].map(lastOf));
  newer = reached >= head ? null : Math.max(reached, target);
  say("idle", `At position ${number(target)}`);
  tell();
  const found = [...commands.values()].find(({ start, outcome }) => [start, outcome].some((event) => event && positionOf(event) === target));
  const details = found?.node.querySelector("details");
  if (!details) return;
  details.open = true;
  details.firstElementChild.focus();
  found.node.scrollIntoView({ block: "center" });
};

const setPaused = (now) => {
  paused = now;
  const button = byId("pause");
  button.setAttribute("aria-pressed", String(now));
  button.textContent = now ? "Go on" : "Pause";
};

/** The filters were changed on the page. */
const settled = () => {
  const now = filters();
  const { rest, filters: before } = read();
  if (link("events", rest, now) === link("events", rest, before)) return;
  target = null;
  keep("events", "", now);
  restart();
};

export const prepare = () => {
  offerTypes();
  byId("event-dialect").addEventListener("change", offerTypes);
  whenSettled(byId("event-filters"), settled);
  byId("older").addEventListener("click", () => {
    wentBack = true;
    trying(back);
  });
  byId("newer").addEventListener("click", () => trying(forth));
  byId("to-head").addEventListener("click", () => (location.hash = link("events", "", filters())));
  byId("jump").addEventListener("submit", (event) => {
    event.preventDefault();
    const position = Number(byId("jump-position").value);
    if (position > 0) location.hash = link("events", String(position), filters());
  });
  byId("event-clear").addEventListener("click", () => (location.hash = "#events"));
  byId("pause").addEventListener("click", () => {
    setPaused(!paused);
    say(paused ? "paused" : "live", paused ? "Paused" : "Live");
    if (!paused) draw();
  });
};

const arrive = ({ rest, filters: wanted }) => {
  const form = byId("event-filters");
  fillForm(form, { dialect: wanted.dialect });
  offerTypes();
  fillForm(form, wanted);
  if (LESS_USED.some((name) => wanted[name])) byId("event-more").open = true;
  target = /^[1-9]\d{0,14}$/.test(rest) ? Number(rest) : null;
  byId("jump-position").value = target ?? "";
  restart();
};

export const enter = (address) => {
  arrive(address);
  return () => following.abort();
};

export const moved = arrive;
