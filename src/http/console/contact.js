// One contact: its Card in words and as it is, and its history as a line through time. A point of
// that line, or of the clock, shows the contact as it was then.

import { get } from "./api.js";
import { badge, failure, h, moment, notice, number, plural, skeleton, when } from "./dom.js";
import { flatten, groups, initials, nameOf, roleOf } from "./card.js";

let asking = new AbortController();

const closer = () => h("a", { class: "close", href: "#contacts", "aria-label": "Close this contact" }, "← All contacts");

const definitions = (title, rows) =>
  h("dl", { class: "rows" }, rows.map(([label, value]) =>
    h("div", {}, h("dt", { class: label ? "" : "unseen" }, label || title), h("dd", {}, value))));

const raw = (value) =>
  h("details", { class: "raw" }, h("summary", {}, "Raw"), h("pre", { tabindex: "0" }, JSON.stringify(value, null, 2)));

const cardPart = (contact) => [
  h("div", { class: "groups" },
    groups(contact.card).map(({ title, rows }) => h("section", { class: "group" }, h("h3", {}, title), definitions(title, rows)))),
  raw(contact),
];

const who = ({ clientId, managementUserId, subject } = {}) => {
  const name = subject ?? clientId ?? managementUserId;
  return name ? h("code", { class: "who", title: JSON.stringify({ clientId, managementUserId, subject }) }, name) : "someone unnamed";
};

/** One changed field; a value with parts is shown part by part. */
const change = ({ field, old, new: now }) => {
  const path = field.slice(1).replaceAll("/", " › ").replaceAll("~1", "/").replaceAll("~0", "~");
  const before = new Map(old === undefined ? [] : flatten(old, path));
  const after = new Map(now === undefined ? [] : flatten(now, path));
  return [...new Set([...before.keys(), ...after.keys()])].map((name) =>
    h("div", { class: "change" },
      h("dt", {}, name),
      h("dd", {},
        before.has(name) && h("del", {}, before.get(name)),
        before.has(name) && after.has(name) && h("span", { class: "arrow", "aria-hidden": "true" }, " → "),
        after.has(name) && h("ins", {}, after.get(name)))));
};

const VERBS = { create: "Created", update: "Changed", delete: "Deleted", erase: "Erased" };

const point = (entry, lookAt) => {
  const changes = (entry.changes ?? []).filter(({ field }) => field !== "/@type" && field !== "/version");
  const gone = entry.operation === "delete" || entry.operation === "erase";
  return h("li", { class: `point ${entry.operation}` },
    h("div", { class: "point-head" },
      h("h3", {}, VERBS[entry.operation] ?? entry.operation), " by ", who(entry.actor), " ", when(entry.time)),
    h("p", { class: "point-meta" }, moment(entry.time), ` · position ${number(entry.position)}`, entry.version ? ` · version ${entry.version}` : ""),
    !gone && changes.length > 0 && h("dl", { class: "changes" }, changes.map(change)),
    !gone && changes.length === 0 && h("p", { class: "hint" },
      entry.fields?.length ? `Fields: ${entry.fields.join(", ")}` : "No value changed."),
    !gone && h("button", { class: "quiet small", type: "button", click: () => lookAt(entry.position, `at position ${number(entry.position)}`) },
      "See it as it was then"));
};

const timeline = ({ data }, lookAt) => [
  h("p", { class: "hint" }, `${plural(data.length, "change")}, newest first.`),
  h("ol", { class: "timeline", reversed: true }, [...data].reverse().map((entry) => point(entry, lookAt))),
];

const header = (contact) => {
  const { card, dialect, tenant, version } = contact;
  const role = roleOf(card);
  return h("div", { class: "detail-head" },
    h("span", { class: "avatar large", "aria-hidden": "true" }, initials(card)),
    h("div", {},
      h("h2", { class: "detail-name", tabindex: "-1" }, nameOf(card)),
      role && h("p", { class: "role" }, role),
      h("p", { class: "badges" }, badge(dialect), badge(`tenant ${tenant}`, "plain"), badge(`version ${version}`, "plain"))),
  );
};

const absent = (error, past) => {
  if (past) return notice("It was not there then", "It had not been created yet, or had been deleted.");
  if (error.status === 410) return notice("This contact was erased", "Its personal data is gone for good; who did what, and when, stays below.");
  return notice("This contact is not there", "It was deleted, or never was, or is not yours to see.");
};

const since = (hours) => new Date(Date.now() - hours * 3_600_000).toISOString();

/** The points of the past that a clock names. */
const pastPicker = (lookAt) =>
  h("div", { class: "past-picker", role: "group", "aria-label": "As it was" },
    h("span", { class: "hint" }, "As it was"),
    h("button", { class: "quiet small", type: "button", click: () => lookAt(since(1), "an hour ago") }, "an hour ago"),
    h("button", { class: "quiet small", type: "button", click: () => lookAt(since(24), "a day ago") }, "a day ago"));

/** Fills the part that shows the contact itself, of now or of then. */
const fillCard = async (place, id, past, lookAt, signal) => {
  place.setAttribute("aria-busy", "true");
  const banner = past && h("p", { class: "banner", role: "status" }, `As it was ${past.label}. `,
    h("button", { class: "quiet small", type: "button", click: () => lookAt(null) }, "Back to now"));
  try {
    const contact = await get(`/contacts/${id}`, past ? { as_of: past.asOf } : {}, { signal });
    place.replaceChildren(...[banner, header(contact), pastPicker(lookAt), ...cardPart(contact)].filter(Boolean));
  } catch (error) {
    if (signal.aborted) return;
    const known = error.status === 404 || error.status === 410;
    const body = known ? absent(error, past) : failure(error, () => lookAt(past?.asOf ?? null, past?.label));
    place.replaceChildren(...[banner, h("h2", { class: "detail-name", tabindex: "-1" }, past ? "Not there" : "Contact"), body].filter(Boolean));
  }
  place.removeAttribute("aria-busy");
};

const fillHistory = async (place, id, lookAt, signal) => {
  try {
    place.replaceChildren(...timeline(await get(`/contacts/${id}/history`, {}, { signal }), lookAt));
  } catch (error) {
    if (signal.aborted) return;
    if (error.status === 404) place.replaceChildren(notice("No history", "Nothing is known of this contact."));
    else place.replaceChildren(failure(error, () => fillHistory(place, id, lookAt, signal)));
  }
};

/** Shows a contact in its place on the page; no id empties the place. */
export const show = async (place, id) => {
  asking.abort();
  const { signal } = (asking = new AbortController());
  if (!id) {
    place.replaceChildren(notice("No contact chosen", "Choose one from the list to see it and what became of it."));
    return;
  }
  const card = h("div", { class: "card-part" }, skeleton(6));
  const history = h("div", {}, skeleton(3));
  const lookAt = async (asOf, label) => {
    await fillCard(card, id, asOf && { asOf, label }, lookAt, signal);
    focusName();
  };
  const focusName = () => card.querySelector(".detail-name")?.focus();
  place.replaceChildren(closer(), card, h("section", { class: "history", "aria-label": "History" }, h("h2", {}, "History"), history));
  await Promise.all([fillCard(card, id, null, lookAt, signal).then(focusName), fillHistory(history, id, lookAt, signal)]);
};
