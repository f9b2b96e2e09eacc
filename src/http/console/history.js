// What became of a contact: its changes as a line through time, newest first, and two versions of it
// side by side.

import { link } from "./address.js";
import { get } from "./api.js";
import { flatten, isGiven } from "./card.js";
import { failure, h, moment, notice, number, plural, when } from "./dom.js";
import { DONE, REASONS, spelled, who } from "./words.js";

/** Changes that are drawn at once; older ones are a button away. */
const SHOWN = 20;
const PAGE = 1000;

/** Every change of a contact, oldest first; none where nothing is known of it. */
export const fetchHistory = async (id, signal) => {
  const entries = [];
  for (let after = 0; ;) {
    const { data, next } = await get(`/contacts/${id}/history`, { after, limit: PAGE }, { signal });
    entries.push(...data);
    if (!next) return entries;
    after = next;
  }
};

const ends = ({ operation }) => operation === "delete" || operation === "erase";

/** The erasure of a contact, where it was erased. */
export const erasureOf = (entries) => entries.findLast((entry) => entry.erasure || entry.operation === "erase");

/** Its end, where it was deleted and nothing came after. */
export const deletionOf = (entries) => (entries.at(-1)?.operation === "delete" ? entries.at(-1) : undefined);

/** A JSON Pointer as people say it. */
const pathName = (pointer) => pointer.slice(1).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
  .map((part, at) => (at === 0 ? spelled(part.split(":").at(-1)) : part)).join(" › ");

/** The whole name is the name. */
const plainly = (name) => (name === "Name › full" ? "Name" : name);

const parts = (pointer, value) =>
  value === undefined ? new Map() : new Map(flatten(value, pathName(pointer)));

/** One changed field as rows of name, old and new; a value with parts is given part by part. */
const changedParts = ({ field, old, new: now }) => {
  const [before, after] = [parts(field, old), parts(field, now)];
  return [...new Set([...before.keys(), ...after.keys()])].map((name) => [plainly(name), before.get(name), after.get(name)]);
};

const typed = (changes) =>
  (changes ?? []).filter(({ field, old, new: now }) => !isGiven(field.slice(1), now ?? old));

const changeRow = ([name, before, after]) =>
  h("div", { class: "change" },
    h("dt", {}, name),
    h("dd", {},
      before !== undefined && h("del", {}, before),
      before !== undefined && after !== undefined && h("span", { class: "arrow", "aria-hidden": "true" }, " → "),
      after !== undefined && h("ins", {}, after)));

const erasureText = ({ erasure = {} }) =>
  h("p", { class: "erasure" }, `Reason: ${REASONS[erasure.reason] ?? erasure.reason ?? "not given"}. `,
    erasure.reference ? ["Reference: ", h("code", {}, erasure.reference)] : "No reference was given.");

const point = (entry, lookAt, isErased) => {
  const changes = typed(entry.changes).flatMap(changedParts);
  const names = entry.fields?.length ? `Fields: ${entry.fields.map(spelled).join(", ")}` : "No value changed.";
  return h("li", { class: `point ${entry.operation}` },
    h("div", { class: "point-head" },
      h("h3", {}, DONE[entry.operation] ?? entry.operation), " by ", who(entry.actor), " ", when(entry.time)),
    h("p", { class: "point-meta" }, `${moment(entry.time)} · position `,
      h("a", { href: link("events", String(entry.position)) }, number(entry.position)), entry.version ? ` · version ${entry.version}` : "",
      " · ", h("a", { href: link("commands", entry.correlation) }, "command")),
    entry.operation === "erase" && erasureText(entry),
    !ends(entry) && changes.length > 0 && h("dl", { class: "changes" }, changes.map(changeRow)),
    !ends(entry) && changes.length === 0 && h("p", { class: "hint" }, isErased ? `${names}. What they held is gone.` : names),
    !ends(entry) && !isErased && h("button", { class: "quiet small", type: "button", click: () => lookAt(entry.position, `at position ${number(entry.position)}`) },
      "See it as it was then"));
};

const versions = (entries) => entries.filter((entry) => !ends(entry));

const sideBySide = ({ from, to, changes }) => {
  const rows = typed(changes).flatMap(changedParts);
  if (rows.length === 0) return notice("No difference", "The two versions hold the same.");
  const head = (point) => (point ? `Version ${point.version}` : "Before it was created");
  return h("div", { class: "table-wrap free", tabindex: "0", role: "region", "aria-label": "Two versions side by side" },
    h("table", { class: "versions" },
      h("thead", {}, h("tr", {}, ["Field", head(from), head(to)].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, rows.map(([name, before, after]) =>
        h("tr", {}, h("th", { scope: "row" }, name),
          h("td", {}, before === undefined ? h("span", { class: "hint" }, "nothing") : after === before ? before : h("del", {}, before)),
          h("td", {}, after === undefined ? h("span", { class: "hint" }, "nothing") : after === before ? after : h("ins", {}, after)))))));
};

/** Chooses two versions, and shows what differs. */
const comparer = (id, entries, signal) => {
  const choices = versions(entries);
  if (choices.length < 2) return null;
  const select = (name, label, chosen) =>
    h("label", { class: "field" }, h("span", {}, label),
      h("select", { name }, [...choices].reverse().map((entry) =>
        h("option", { value: entry.position, selected: entry === chosen },
          `Version ${entry.version} · ${DONE[entry.operation].toLowerCase()} ${moment(entry.time)}`))));
  const place = h("div", { class: "difference" });
  const compare = async (event) => {
    event.preventDefault();
    const { from, to } = Object.fromEntries(new FormData(event.target));
    try {
      place.replaceChildren(sideBySide(await get(`/contacts/${id}/diff`, { from, to }, { signal })));
    } catch (error) {
      if (!signal.aborted) place.replaceChildren(failure(error));
    }
  };
  return h("details", { class: "compare" },
    h("summary", {}, "Compare two versions"),
    h("form", { class: "compare-form", submit: compare },
      select("from", "This version", choices.at(-2)), select("to", "With this one", choices.at(-1)),
      h("button", { class: "quiet", type: "submit" }, "Compare")),
    place);
};

/** The line through time, with what compares two of its points. */
export const timeline = (id, entries, lookAt, signal) => {
  const isErased = erasureOf(entries) !== undefined;
  const newest = [...entries].reverse();
  const list = h("ol", { class: "timeline", reversed: true });
  const more = h("button", { class: "more", type: "button" }, "");
  const grow = () => {
    const from = list.childElementCount;
    list.append(...newest.slice(from, from + SHOWN).map((entry) => point(entry, lookAt, isErased)));
    const left = newest.length - list.childElementCount;
    more.hidden = left === 0;
    more.textContent = `Show ${Math.min(left, SHOWN)} older of ${number(left)}`;
    if (from > 0) list.children[from].querySelector("button, a")?.focus();
  };
  more.addEventListener("click", grow);
  grow();
  return [
    h("p", { class: "hint" }, `${plural(entries.length, "change")}, newest first.`),
    ...(isErased ? [] : [comparer(id, entries, signal)].filter(Boolean)),
    list, more,
  ];
};
