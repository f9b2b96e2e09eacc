// One contact: its Card in words and as it is, what may be done with it, and its history. A point of
// that line, or a time, shows the contact as it was then.

import { link } from "./address.js";
import { get } from "./api.js";
import { askToDelete, askToErase, certificate } from "./acts.js";
import { groups, initials, nameOf, roleOf } from "./card.js";
import { badge, copier, facts, failure, h, moment, notice, number, skeleton, when } from "./dom.js";
import { deletionOf, erasureOf, fetchHistory, timeline } from "./history.js";
import { mayAudit, mayErase, mayWrite } from "./rights.js";
import { ownerOf, REASONS, VENDORS, who } from "./words.js";

let asking = new AbortController();

const closer = (href) => h("a", { class: "close", href }, "← All contacts");

const definitions = (title, rows) =>
  h("dl", { class: "rows" }, rows.map(([label, value]) =>
    h("div", {}, h("dt", { class: label ? "" : "unseen" }, label || title), h("dd", {}, value))));

const raw = (value) => {
  const text = JSON.stringify(value, null, 2);
  return h("details", { class: "raw" }, h("summary", {}, "As JSON"), copier(text, "the contact as JSON"), h("pre", { tabindex: "0" }, text));
};

const copied = (id, what) => h("span", { class: "copied" }, h("code", {}, id), copier(id, what));

const record = ({ id, vendorId, dialect, owner, version, createdAt, createdBy, lastModifiedAt, lastModifiedBy }) =>
  h("section", { class: "record", "aria-label": "Record" },
    facts([
      ["Id", copied(id, "the id")],
      vendorId !== id && [`Id at ${VENDORS[dialect]}`, copied(vendorId, `the id at ${VENDORS[dialect]}`)],
      ["Belongs to", ownerOf(owner)],
      ["Created", h("span", {}, when(createdAt), " by ", who(createdBy))],
      version > 1 && ["Last changed", h("span", {}, when(lastModifiedAt), " by ", who(lastModifiedBy))],
      mayAudit() && ["Events", h("a", { href: link("events", "", { subject: id }) }, "All events of this contact")],
    ]));

const cardPart = (contact) => [
  h("div", { class: "groups" },
    groups(contact.card).map(({ title, rows }) => h("section", { class: "group" }, h("h3", {}, title), definitions(title, rows)))),
  record(contact),
  raw(contact),
];

const header = ({ card, dialect, tenant, version }) => {
  const role = roleOf(card);
  return h("div", { class: "detail-head" },
    h("span", { class: "avatar large", "aria-hidden": "true" }, initials(card)),
    h("div", {},
      h("h2", { class: "detail-name", tabindex: "-1" }, nameOf(card)),
      role && h("p", { class: "role" }, role),
      h("p", { class: "badges" }, badge(dialect), badge(`tenant ${tenant}`, "plain"), badge(`version ${version}`, "plain"))));
};

/** What may be done with it, as far as the token says. */
const actions = (contact, entries, again) => {
  const { id, dialect } = contact;
  const buttons = [
    mayWrite(dialect) && h("a", { class: "quiet button", href: link("edit", id) }, "Edit"),
    mayWrite(dialect) && h("button", { class: "quiet", type: "button", click: () => askToDelete(contact, again) }, "Delete"),
    mayErase() && h("button", { class: "quiet danger", type: "button", click: () => askToErase(contact, entries, again) }, "Erase"),
  ].filter(Boolean);
  return buttons.length > 0 && h("div", { class: "actions", role: "group", "aria-label": "What may be done" }, buttons);
};

const erased = (id, entry) =>
  h("div", { class: "notice ended erased" },
    h("h2", { class: "detail-name", tabindex: "-1" }, "This contact was erased"),
    h("p", {}, "Its personal data is gone for good, its past included. Who did what, and when, stays below."),
    entry && facts([
      ["Erased", h("span", {}, moment(entry.time), " by ", who(entry.actor))],
      ["Reason", REASONS[entry.erasure?.reason] ?? entry.erasure?.reason ?? "not given"],
      ["Reference", entry.erasure?.reference ?? "none"],
      ["Position", h("a", { href: link("events", String(entry.position)) }, number(entry.position))],
    ]),
    entry && mayAudit() && certificate(id, entry.position));

const deleted = (id, entry, entries, lookAt, again) => {
  const last = entries.at(-2);
  return h("div", { class: "notice ended deleted" },
    h("h2", { class: "detail-name", tabindex: "-1" }, "This contact was deleted"),
    h("p", {}, "On ", moment(entry.time), " by ", who(entry.actor), ". Its history stays, and what it held can still be looked at until it is erased."),
    h("div", { class: "actions" },
      last && h("button", { class: "quiet", type: "button", click: () => lookAt(last.position, "before it was deleted") }, "See it as it was before"),
      mayErase() && h("button", { class: "quiet danger", type: "button", click: () => askToErase({ id }, entries, again) }, "Erase")));
};

/** Why there was nothing at a point of the past, from what is known of the whole. */
const notThen = (entries) => {
  const [first] = entries;
  const end = deletionOf(entries);
  return notice("It was not there then", [
    first && `It was created on ${moment(first.time)} (position ${number(first.position)}).`,
    end && ` It was deleted on ${moment(end.time)} (position ${number(end.position)}).`,
  ].filter(Boolean).join("") || "It had not been created yet, or had been deleted.");
};

/** Why there is nothing to show. */
const absent = (error, { id, past, entries, lookAt, again }) => {
  const end = deletionOf(entries);
  if (error.code === "key_lost") return notice("This contact can't be read", "Nobody erased it, but its key is lost or damaged. The operator may have it in a backup made with keys.");
  if (error.status === 410) return erased(id, erasureOf(entries));
  if (past) return notThen(entries);
  if (end) return deleted(id, end, entries, lookAt, again);
  return notice("This contact is not there", "There never was one with this id, or it is not yours to see.");
};

const since = (hours) => new Date(Date.now() - hours * 3_600_000).toISOString();

/** Any point of the past: an hour or a day ago, a time, a position. */
const pastPicker = (lookAt) => {
  const button = (label, hours) => h("button", { class: "quiet small", type: "button", click: () => lookAt(since(hours), label) }, label);
  const choose = (event) => {
    event.preventDefault();
    const { time, position } = Object.fromEntries(new FormData(event.target));
    if (position) lookAt(position, `at position ${number(Number(position))}`);
    else if (time) lookAt(new Date(time).toISOString(), `on ${moment(time)}`);
  };
  return h("details", { class: "past-picker" },
    h("summary", {}, "See it as it was"),
    h("div", { class: "past-quick" }, button("an hour ago", 1), button("a day ago", 24), button("a week ago", 168)),
    h("form", { class: "past-form", submit: choose },
      h("label", { class: "field" }, h("span", {}, "At a time"), h("input", { type: "datetime-local", name: "time", step: "1" })),
      h("label", { class: "field" }, h("span", {}, "or at a position"), h("input", { type: "number", name: "position", min: "1", step: "1" })),
      h("button", { class: "quiet", type: "submit" }, "Look")));
};

/** Fills the part that shows the contact itself, of now or of then. */
const fillCard = async (place, { id, past, history, lookAt, again, signal }) => {
  place.setAttribute("aria-busy", "true");
  const banner = past && h("p", { class: "banner", role: "status" }, `As it was ${past.label}. `,
    h("button", { class: "quiet small", type: "button", click: () => lookAt(null) }, "Back to now"));
  try {
    const contact = await get(`/contacts/${id}`, past ? { as_of: past.asOf } : {}, { signal });
    const entries = await history;
    const doing = !past && actions(contact, entries, again);
    place.replaceChildren(...[banner, header(contact), doing, pastPicker(lookAt), ...cardPart(contact)].filter(Boolean));
  } catch (error) {
    if (signal.aborted) return;
    const known = error.status === 404 || error.status === 410;
    const entries = await history.catch(() => []);
    const body = known ? absent(error, { id, past, entries, lookAt, again }) : failure(error, again);
    const title = !body.querySelector(".detail-name") && h("h2", { class: "detail-name", tabindex: "-1" }, past ? "Not there" : "Contact");
    place.replaceChildren(...[banner, title, body].filter(Boolean));
  }
  place.removeAttribute("aria-busy");
};

const fillHistory = async (place, { id, history, lookAt, again, signal }) => {
  try {
    place.replaceChildren(...timeline(id, await history, lookAt, signal));
  } catch (error) {
    if (signal.aborted) return;
    if (error.status === 404) place.replaceChildren(notice("No history", "Nothing is known of this contact."));
    else place.replaceChildren(failure(error, again));
  }
};

/** Shows a contact in its place on the page, with the way back; no id empties the place. */
export const show = async (place, id, back) => {
  asking.abort();
  const { signal } = (asking = new AbortController());
  if (!id) {
    place.replaceChildren();
    return;
  }
  const card = h("div", { class: "card-part" }, skeleton(6));
  const story = h("div", {}, skeleton(3));
  const history = fetchHistory(id, signal);
  const again = () => show(place, id, back);
  const focusName = () => card.querySelector(".detail-name")?.focus();
  const lookAt = async (asOf, label) => {
    await fillCard(card, { ...parts, past: asOf && { asOf, label } });
    focusName();
    card.scrollIntoView({ block: "nearest" });
  };
  const parts = { id, history, lookAt, again, signal };
  place.replaceChildren(closer(back), card, h("section", { class: "history", "aria-label": "History" }, h("h2", {}, "History"), story));
  await Promise.all([fillCard(card, parts).then(focusName), fillHistory(story, parts)]);
};
