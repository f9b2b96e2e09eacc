// Finding contacts: a table over every dialect's contacts that the caller may see. The address holds
// filters and order; what was searched for is somebody's name, so this tab alone remembers it.

import { keep, link, read } from "./address.js";
import { get, shellToken } from "./api.js";
import { badge, byId, copier, failure, filled, fillForm, h, notice, number, plural, skeleton, when, whenSettled } from "./dom.js";
import { emailOf, initials, nameOf, organizationOf } from "./card.js";
import * as contact from "./contact.js";
import { mayWrite } from "./rights.js";
import { isUuid } from "./words.js";

const PAGE = 50;
const FIELDS = "id,tenant,dialect,lastModifiedAt,card.name,card.organizations,card.emails";
const SORTED = "-updated";
/** The filters that are folded away. */
const MORE_FILTERS = ["vendor_id", "active", "created_after", "created_before", "updated_after", "updated_before"];
const SEARCHED = "contactd-search";

let asking = new AbortController();
let cursor = null;
let listed = 0;
/** How many there are on all pages, where the service counted them. */
let total = null;
let opened = null;

const remember = (text) => {
  try {
    if (text) sessionStorage.setItem(SEARCHED, text);
    else sessionStorage.removeItem(SEARCHED);
  } catch {
    // It is forgotten with the page.
  }
};

const remembered = () => {
  try {
    return sessionStorage.getItem(SEARCHED) ?? "";
  } catch {
    return "";
  }
};

const asked = () => filled(byId("search"));

/** What of it stands in the address: not what was searched for, nor what is the same for everybody. */
const shared = () => {
  const { q: _, sort, ...filters } = asked();
  return sort && sort !== SORTED ? { ...filters, sort } : filters;
};

const href = (id) => link("contacts", id ?? "", shared());

const row = ({ id, tenant, dialect, lastModifiedAt, card = {} }) => {
  const cell = (kind, content, title) => h("td", { class: kind, title }, content);
  return h("tr", { "data-id": id, "aria-current": id === opened ? "true" : undefined },
    h("td", { class: "name-cell" },
      h("a", { class: "result", href: href(id), "data-id": id },
        h("span", { class: "avatar", "aria-hidden": "true" }, initials(card)),
        h("span", { class: "result-name" }, nameOf(card)))),
    cell("email-cell", emailOf(card), emailOf(card)),
    cell("organization-cell", organizationOf(card), organizationOf(card)),
    cell("tenant-cell", tenant, tenant),
    cell("dialect-cell", badge(dialect)),
    cell("updated-cell", lastModifiedAt && when(lastModifiedAt)));
};

const FIRST = `'{"name":{"full":"Ann Example"},"emails":{"work":{"address":"ann@example.org"}}}'`;

/** What to do where there is nothing: the first request, to be pasted. */
const welcome = () => {
  const line = `curl '${location.origin}/contacts'${shellToken()} -H 'Content-Type: application/json' -d ${FIRST}`;
  return h("div", { class: "notice welcome" },
    h("p", { class: "notice-title" }, "No contacts yet"),
    h("p", {}, "Create the first one here, or paste this into a terminal. It appears with its events, whichever of the six APIs it came through."),
    h("div", { class: "paste" }, h("pre", { tabindex: "0" }, line), copier(line, "the request")),
    mayWrite("native") && h("a", { class: "primary button", href: "#create" }, "Create a contact"));
};

const nothing = () => (Object.keys(asked()).some((name) => name !== "sort")
  ? notice("Nobody found", "Try the beginning of a name, a whole e-mail address or a few digits of a phone number, or take a filter away.")
  : welcome());

/** How many there are, and how many of them are listed; the service counts no more than it can quickly. */
const count = (more) => {
  const all = total === null ? `${plural(listed, "contact")}${more ? ", and more" : ""}` : plural(total, "contact");
  const part = more && total !== null ? `, ${number(listed)} listed` : "";
  byId("search-count").textContent = listed === 0 ? "" : all + part;
};

/** Says by which column the table is sorted. */
const markOrder = () => {
  const sort = byId("search-sort").value || SORTED;
  for (const header of document.querySelectorAll("#results-table th[data-sort]")) {
    const own = sort.replace("-", "") === header.dataset.sort;
    if (own) header.setAttribute("aria-sort", sort.startsWith("-") ? "descending" : "ascending");
    else header.removeAttribute("aria-sort");
  }
};

/** Asks for the first page, or for the one after what is shown. */
const search = async ({ more = false } = {}) => {
  asking.abort();
  const mine = (asking = new AbortController());
  const [list, empty] = [byId("results"), byId("results-empty")];
  const parameters = { sort: SORTED, ...asked(), limit: PAGE, fields: FIELDS };
  if (more) parameters.cursor = cursor;
  else parameters.total = true;
  if (list.childElementCount === 0) empty.replaceChildren(skeleton(6));
  markOrder();
  list.setAttribute("aria-busy", "true");
  let rows = [];
  try {
    const page = await get("/contacts", parameters, { signal: mine.signal });
    cursor = page.nextCursor ?? null;
    if (!more) total = page.total ?? null;
    rows = page.data.map(row);
    listed = (more ? listed : 0) + rows.length;
    empty.replaceChildren(...(listed === 0 ? [nothing()] : []));
  } catch (error) {
    if (mine.signal.aborted) return;
    cursor = null;
    listed = 0;
    empty.replaceChildren(failure(error, () => search()));
  }
  if (more) list.append(...rows);
  else list.replaceChildren(...rows);
  if (more) rows[0]?.querySelector("a").focus();
  list.removeAttribute("aria-busy");
  byId("results-table").hidden = listed === 0;
  byId("more").hidden = cursor === null;
  count(cursor !== null);
};

/** The form was changed: the address follows, and the search. */
const settled = () => {
  remember(byId("q").value.trim());
  if (read().view === "contacts") keep("contacts", opened ?? "", shared());
  search();
};

/** The arrow keys walk through the list, and back up into the search box. */
const walk = (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const links = [...document.querySelectorAll("#results a")];
  const at = links.indexOf(document.activeElement);
  const isOther = ["SELECT", "SUMMARY"].includes(document.activeElement.tagName) || document.activeElement.type === "datetime-local";
  if (isOther || links.length === 0) return;
  event.preventDefault();
  if (at + step < 0) byId("q").focus();
  else links[Math.min(at + step, links.length - 1)].focus();
};

const linkTo = (id) => document.querySelector(`#results a[data-id="${CSS.escape(id)}"]`);

/** A click on a column's head sorts by it, and a second one the other way round. */
const sortBy = (header) => {
  const [select, name] = [byId("search-sort"), header.dataset.sort];
  const first = name === "name" ? name : `-${name}`;
  const second = name === "name" ? `-${name}` : name;
  select.value = select.value === first ? second : first;
  settled();
};

export const prepare = () => {
  byId("q").value = remembered();
  whenSettled(byId("search"), settled);
  byId("more").addEventListener("click", () => search({ more: true }));
  document.querySelector(".finder").addEventListener("keydown", walk);
  for (const header of document.querySelectorAll("#results-table th[data-sort]")) {
    header.querySelector("button").addEventListener("click", () => sortBy(header));
  }
  byId("results").addEventListener("click", (event) => {
    // The whole row is the link, for the hand.
    if (!event.target.closest("a") && document.getSelection().isCollapsed) event.target.closest("tr")?.querySelector("a").click();
  });
  document.addEventListener("keydown", (event) => {
    const busy = document.querySelector("dialog[open]") || byId("view-contacts").hidden;
    if (event.key === "Escape" && opened && !busy) location.hash = href(null);
  });
};

/** Shows a contact beside the list, or on a narrow screen in its place; none closes it. */
const open = (id, { again = false } = {}) => {
  if (id === opened && id !== null && !again) return;
  const before = opened;
  opened = id;
  byId("view-contacts").classList.toggle("one", id !== null);
  byId("detail").hidden = id === null;
  for (const line of document.querySelectorAll("#results tr")) {
    if (line.dataset.id === id) line.setAttribute("aria-current", "true");
    else line.removeAttribute("aria-current");
  }
  contact.show(byId("detail"), id, href(null));
  if (before && !id) (linkTo(before) ?? byId("q")).focus();
};

const wanted = ({ rest }) => (isUuid(rest) ? rest.toLowerCase() : null);

const fillIn = (filters) => {
  fillForm(byId("search"), { ...filters, sort: filters.sort ?? SORTED });
  byId("search-more").open ||= MORE_FILTERS.some((name) => filters[name]);
};

export const enter = (address) => {
  byId("new-contact").hidden = !["native", "mattr"].some(mayWrite);
  fillIn(address.filters);
  search();
  open(wanted(address), { again: true });
  return () => {
    asking.abort();
    opened = null;
  };
};

export const moved = (address) => {
  const before = link("", "", shared());
  // A link to one contact from elsewhere says nothing of the list beside it.
  if (!(wanted(address) && Object.keys(address.filters).length === 0)) fillIn(address.filters);
  if (link("", "", shared()) !== before) search();
  open(wanted(address));
};
