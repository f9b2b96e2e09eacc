// One box for whatever somebody has in hand: our id or the vendor's, a command's id, an e-mail address,
// a position, a name. It asks for all that the text can be, and goes where the reader chooses.

import { link } from "./address.js";
import { get } from "./api.js";
import { nameOf, emailOf } from "./card.js";
import { byId, h, number } from "./dom.js";
import { mayAudit } from "./rights.js";
import { isUuid, VENDORS } from "./words.js";

const FIELDS = "id,vendorId,tenant,dialect,card.name,card.organizations,card.emails";
/** A vendor's own id: 32 hexadecimal digits, a ULID, a number. */
const VENDOR_ID = /^([0-9A-F]{32}|[0-7][0-9A-HJKMNP-TV-Z]{25}|\d{1,15})$/i;

let asking = new AbortController();

const contactChoice = ({ id, dialect, card = {} }) =>
  ({ href: link("contacts", id), what: "Contact", text: nameOf(card), more: [emailOf(card), VENDORS[dialect]].filter(Boolean).join(" · ") });

const none = (error) => {
  if ([400, 403, 404].includes(error.status)) return [];
  throw error;
};

const search = (parameters, signal) =>
  get("/contacts", { ...parameters, fields: FIELDS, limit: 6 }, { signal }).then(({ data }) => data.map(contactChoice), none);

/** The contact with our id; one that was erased or deleted has a page, too. */
const byOurId = async (id, signal) => {
  const found = await get(`/contacts/${id}`, {}, { signal }).then((contact) => [contactChoice(contact)], (error) => (error.status === 410 ? [] : none(error)));
  if (found.length > 0) return found;
  const { data } = await get(`/contacts/${id}/history`, { limit: 1 }, { signal }).catch((error) => ({ data: none(error) }));
  return data.length > 0 ? [{ href: link("contacts", id), what: "Contact", text: "that is there no more", more: id }] : [];
};

const byCommand = async (id, signal) => {
  const { events } = await get(`/commands/${encodeURIComponent(id)}`, { limit: 2 }, { signal }).catch((error) => ({ events: none(error) }));
  return events.length > 0 ? [{ href: link("commands", id), what: "Command", text: id, more: events.at(-1).type }] : [];
};

const byPosition = async (position, signal) => {
  const { events } = await get("/events", { after: position - 1, limit: 1 }, { signal }).catch((error) => ({ events: none(error) }));
  const found = events.find(({ sequence }) => Number(sequence) === position);
  return found ? [{ href: link("events", String(position)), what: "Event", text: number(position), more: found.type }] : [];
};

/** All that a text can be, the likeliest first. */
const questions = (text, signal) => {
  if (isUuid(text)) return [byOurId(text.toLowerCase(), signal), byCommand(text, signal)];
  const asked = [];
  if (/^[1-9]\d{0,14}$/.test(text) && mayAudit()) asked.push(byPosition(Number(text), signal));
  if (VENDOR_ID.test(text)) asked.push(search({ vendor_id: text }, signal));
  if (text.includes("@")) asked.push(search({ email: text }, signal));
  else asked.push(search({ q: text }, signal));
  if (/^[\x21-\x7e]{1,128}$/.test(text)) asked.push(byCommand(text, signal));
  return asked;
};

const choice = ({ href, what, text, more }) =>
  h("li", {}, h("a", { class: "find-choice", href, click: () => byId("find-dialog").close() },
    h("span", { class: "find-what" }, what), h("span", { class: "find-text" }, text), h("span", { class: "hint" }, more)));

const look = async () => {
  asking.abort();
  const { signal } = (asking = new AbortController());
  const text = byId("find-text").value.trim();
  const [list, told] = [byId("find-results"), byId("find-told")];
  if (!text) {
    list.replaceChildren();
    told.textContent = "";
    return;
  }
  told.textContent = "Looking…";
  try {
    const found = (await Promise.all(questions(text, signal))).flat();
    const once = [...new Map(found.map((one) => [one.href, one])).values()];
    list.replaceChildren(...once.map(choice));
    told.textContent = once.length === 0 ? "Nothing has this id, and nobody this name or address." : "";
  } catch (error) {
    if (signal.aborted) return;
    list.replaceChildren();
    told.textContent = [error.title, error.message].filter(Boolean).join(": ");
  }
};

export const open = () => {
  const dialog = byId("find-dialog");
  if (dialog.open || document.querySelector("dialog[open]")) return;
  dialog.showModal();
  byId("find-text").select();
};

const walk = (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const links = [...byId("find-results").querySelectorAll("a")];
  const at = links.indexOf(document.activeElement) + step;
  event.preventDefault();
  (at < 0 ? byId("find-text") : links[Math.min(at, links.length - 1)])?.focus();
};

export const prepare = () => {
  let timer;
  byId("find-text").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, 200);
  });
  byId("find-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(timer);
    await look();
    byId("find-results").querySelector("a")?.click();
  });
  byId("find-dialog").addEventListener("keydown", walk);
  byId("find-dialog").addEventListener("close", () => {
    asking.abort();
    byId("find-text").value = "";
    byId("find-results").replaceChildren();
    byId("find-told").textContent = "";
  });
  byId("find-button").addEventListener("click", open);
  byId("find-close").addEventListener("click", () => byId("find-dialog").close());
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    open();
  });
};
