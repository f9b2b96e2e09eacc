// Finding contacts: a search box over every dialect's contacts that the caller may see.

import { get } from "./api.js";
import { badge, byId, failure, filled, h, notice, plural, skeleton, whenSettled } from "./dom.js";
import { initials, nameOf, reachableAt } from "./card.js";
import * as contact from "./contact.js";

const PAGE = 30;
const FIELDS = "id,tenant,dialect,card.name,card.organizations,card.emails,card.phones";

let asking = new AbortController();
let cursor = null;
let listed = 0;
let opened = null;

const result = ({ id, tenant, dialect, card = {} }) =>
  h("li", {},
    h("a", { class: "result", href: `#contacts/${id}`, "data-id": id, "aria-current": id === opened ? "true" : undefined },
      h("span", { class: "avatar", "aria-hidden": "true" }, initials(card)),
      h("span", { class: "result-text" },
        h("span", { class: "result-name" }, nameOf(card)),
        h("span", { class: "result-reach" }, reachableAt(card) || `tenant ${tenant}`)),
      badge(dialect)));

const nothing = (asked) =>
  Object.keys(asked).length > 0
    ? notice("Nobody found", "Try the beginning of a name, a whole e-mail address or a few digits of a phone number.")
    : notice("No contacts yet", "What is created through any of the six APIs appears here.");

const count = (more) => {
  byId("search-count").textContent = listed === 0 ? "" : `${plural(listed, "contact")}${more ? ", and more" : ""}`;
};

/** Asks for the first page, or for the one after what is shown. */
const search = async ({ more = false } = {}) => {
  asking.abort();
  const mine = (asking = new AbortController());
  const list = byId("results");
  const asked = filled(byId("search"));
  const parameters = { ...asked, limit: PAGE, fields: FIELDS };
  if (more) parameters.cursor = cursor;
  else if (list.childElementCount === 0) list.replaceChildren(h("li", {}, skeleton(5)));
  list.setAttribute("aria-busy", "true");
  try {
    const { data, nextCursor } = await get("/contacts", parameters, { signal: mine.signal });
    cursor = nextCursor ?? null;
    const rows = data.map(result);
    if (more) list.append(...rows);
    else list.replaceChildren(...rows);
    listed = (more ? listed : 0) + data.length;
    if (listed === 0) list.replaceChildren(h("li", {}, nothing(asked)));
    if (more) rows[0]?.firstElementChild.focus();
  } catch (error) {
    if (mine.signal.aborted) return;
    cursor = null;
    listed = 0;
    list.replaceChildren(h("li", {}, failure(error, () => search())));
  }
  list.removeAttribute("aria-busy");
  byId("more").hidden = cursor === null;
  count(cursor !== null);
};

/** The arrow keys walk through the list, and back up into the search box. */
const walk = (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const links = [...document.querySelectorAll("#results a")];
  const at = links.indexOf(document.activeElement);
  if (document.activeElement.tagName === "SELECT" || links.length === 0) return;
  event.preventDefault();
  if (at + step < 0) byId("q").focus();
  else links[Math.min(at + step, links.length - 1)].focus();
};

const link = (id) => document.querySelector(`#results a[data-id="${CSS.escape(id)}"]`);

export const prepare = () => {
  whenSettled(byId("search"), () => search());
  byId("more").addEventListener("click", () => search({ more: true }));
  document.querySelector(".finder").addEventListener("keydown", walk);
  document.addEventListener("keydown", (event) => {
    const busy = document.querySelector("dialog[open]") || byId("view-contacts").hidden;
    if (event.key === "Escape" && opened && !busy) location.hash = "#contacts";
  });
};

export const enter = () => {
  search();
  return () => asking.abort();
};

/** Shows a contact beside the list, or on a narrow screen in its place; none closes it. */
export const open = (id, { again = false } = {}) => {
  if (id === opened && id !== null && !again) return;
  const before = opened;
  opened = id;
  byId("view-contacts").classList.toggle("one", id !== null);
  for (const other of document.querySelectorAll("#results a[aria-current]")) other.removeAttribute("aria-current");
  if (id) link(id)?.setAttribute("aria-current", "true");
  contact.show(byId("detail"), id);
  if (before && !id) (link(before) ?? byId("q")).focus();
};
