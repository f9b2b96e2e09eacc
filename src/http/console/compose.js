// A request that the reader writes, its answer, and the two events that came of it, side by side: to
// create a contact in each API's own words, and to change one.

import { link } from "./address.js";
import { get, send, shellToken } from "./api.js";
import { byId, DIALECTS, failure, h, notice, skeleton } from "./dom.js";
import { bothEvents, commandsOf } from "./event.js";
import { nameOf } from "./card.js";
import { mayWrite } from "./rights.js";
import { VENDORS } from "./words.js";
import { CREATES, UPDATES } from "./vendors.js";

let asking = new AbortController();

const TOLD = ["contact-position", "contact-correlation", "location", "etag", "retry-after"];

/** The same request as a line for a shell. */
const curl = ({ method, path, headers, body }) => {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const all = Object.entries({ "Content-Type": "application/json", ...headers }).filter(([, value]) => value);
  return [`curl -X ${method} ${quoted(location.origin + path)}${shellToken()}`, ...all.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`), `-d ${quoted(body)}`].join(" ");
};

const answerPart = (answer) => {
  const headers = TOLD.map((name) => [name, answer.headers.get(name)]).filter(([, value]) => value);
  const body = answer.json === null ? answer.text : JSON.stringify(answer.json, null, 2);
  return h("section", { class: "panel", "aria-label": "The answer" },
    h("h2", {}, "The answer"),
    h("p", { class: "status", "data-state": answer.ok ? "good" : "bad", role: "status" },
      h("span", { class: "dot", "aria-hidden": "true" }), `${answer.status} · ${answer.ok ? "taken" : "refused"}`),
    headers.length > 0 && h("pre", { tabindex: "0", "aria-label": "Headers of the answer" }, headers.map(([name, value]) => `${name}: ${value}`).join("\n")),
    body && h("pre", { tabindex: "0", "aria-label": "Body of the answer" }, body));
};

/** The events of the command; an answer without any was no command yet. */
const eventsPart = async (answer, signal) => {
  const id = answer.headers.get("contact-correlation");
  const events = id ? await get(`/commands/${encodeURIComponent(id)}`, {}, { signal }).then((page) => page.events, (error) => {
    if (error.status === 404) return [];
    throw error;
  }) : [];
  if (events.length === 0) return notice("Nothing was recorded", "The request was refused before it became a command: its form, its path or its token.");
  const touched = [...new Set(events.map(({ subject }) => subject).filter(Boolean))];
  return h("section", { class: "panel", "aria-label": "What was recorded" },
    h("h2", {}, "What was recorded"),
    h("p", {}, h("a", { href: link("commands", id) }, "The command"), ...touched.slice(0, 5).flatMap((subject) =>
      [" · ", h("a", { class: "touched", href: link("contacts", subject) }, "Open the contact")])),
    commandsOf(events).slice(0, 5).map(bothEvents));
};

const headerFields = (headers) => Object.entries(headers ?? {}).map(([name, value]) =>
  h("label", { class: "field" }, h("span", {}, name),
    h("input", { name: `header-${name}`, value, autocomplete: "off", spellcheck: "false", placeholder: "none" })));

const asJson = (text) => {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { error: `This is no JSON: ${error.message}` };
  }
};

/** Fields for people, which write into the body of a Card below them. */
const easyFields = (area) => {
  const card = () => asJson(area.value).value ?? {};
  const first = (map) => Object.keys(map ?? {})[0];
  const member = (name, key, value) => {
    const now = card();
    const at = first(now[name]) ?? key;
    const inner = { email: "address", phone: "number", organization: "name" }[key];
    if (value) now[name] = { ...now[name], [at]: { ...now[name]?.[at], [inner]: value } };
    else if (now[name]) delete now[name][at];
    if (now[name] && Object.keys(now[name]).length === 0) delete now[name];
    return now;
  };
  const named = (value) => {
    const now = card();
    // The whole name that was typed takes the place of its parts.
    if (value) now.name = { full: value };
    else delete now.name;
    return now;
  };
  const write = (make) => (event) => {
    area.value = JSON.stringify(make(event.target.value.trim()), null, 2);
  };
  const value = (name, inner) => Object.values(card()[name] ?? {})[0]?.[inner] ?? "";
  const field = (label, type, now, make) =>
    h("label", { class: "field" }, h("span", {}, label), h("input", { type, value: now, autocomplete: "off", input: write(make) }));
  const held = card();
  return h("div", { class: "easy" },
    field("Name", "text", held.name ? nameOf({ name: held.name }) : "", named),
    field("E-mail", "email", value("emails", "address"), (text) => member("emails", "email", text)),
    field("Phone", "tel", value("phones", "number"), (text) => member("phones", "phone", text)),
    field("Organization", "text", value("organizations", "name"), (text) => member("organizations", "organization", text)));
};

/** The merge patch (RFC 7396) that makes one value of the other. */
export const mergePatch = (before, after) => {
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  if (!isObject(before) || !isObject(after)) return after;
  const patch = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!(name in after)) patch[name] = null;
    else if (JSON.stringify(before[name]) !== JSON.stringify(after[name])) patch[name] = mergePatch(before[name], after[name]);
  }
  return patch;
};

/** Puts the request on the clipboard as a line for a shell. */
const copyCurl = async (button, form, written) => {
  const done = await navigator.clipboard?.writeText(curl(written(form))).then(() => true, () => false);
  button.textContent = done ? "Copied" : "Not copied";
  setTimeout(() => (button.textContent = "Copy as curl"), 1500);
};

/** A request to write, with `finish` making what is sent of what was written; its results are put in a place. */
const composer = ({ method, path, headers, body, isCard, finish = (text) => text, sendLabel, signal }) => {
  const results = h("div", { class: "results-part", "aria-live": "polite" },
    notice("Nothing sent yet", "The answer appears here, and beside each other the two events that it becomes: what was asked, and what came of it."));
  const told = h("p", { class: "error-text", role: "alert" });
  const area = h("textarea", { name: "body", rows: "14", spellcheck: "false", autocomplete: "off" });
  area.value = JSON.stringify(body, null, 2);
  const written = (form) => {
    const fields = Object.fromEntries(new FormData(form));
    const own = Object.fromEntries(Object.keys(headers ?? {}).map((name) => [name, fields[`header-${name}`].trim()]).filter(([, value]) => value));
    return { method, path: fields.path.trim(), headers: own, body: asJson(fields.body).error ? fields.body : finish(fields.body) };
  };
  const button = h("button", { class: "primary", type: "submit" }, sendLabel);
  const submit = async (event) => {
    event.preventDefault();
    const { error } = asJson(area.value);
    told.textContent = error ?? "";
    if (error) return;
    const request = written(event.target);
    button.disabled = true;
    results.replaceChildren(skeleton(3));
    try {
      const answer = await send(method, request.path, { headers: { "content-type": "application/json", ...request.headers }, body: request.body });
      results.replaceChildren(answerPart(answer), await eventsPart(answer, signal));
      results.querySelector("h2").scrollIntoView({ block: "nearest" });
    } catch (failed) {
      if (!signal.aborted) results.append(failure(failed));
      results.querySelector(".skeleton")?.remove();
    }
    button.disabled = false;
  };
  const form = h("form", { class: "composer panel", submit },
    h("h2", {}, "The request"),
    isCard && easyFields(area),
    h("label", { class: "field" }, h("span", {}, method), h("input", { name: "path", value: path, required: true, pattern: "/[^\\s\\/].*", autocomplete: "off", spellcheck: "false" })),
    headerFields(headers),
    h("label", { class: "field" }, h("span", {}, isCard ? "The Card (RFC 9553)" : "Body, as the vendor documents it"), area),
    told,
    h("div", { class: "buttons" }, button,
      h("button", { class: "quiet", type: "button", click: (event) => copyCurl(event.target, form, written) }, "Copy as curl")));
  return h("div", { class: "compose" }, form, results);
};

/** The six APIs to choose from, as far as the token may write there. */
const chooser = (chosen) =>
  h("nav", { class: "tabs", "aria-label": "In whose words" }, Object.keys(DIALECTS).filter(mayWrite).map((dialect) =>
    h("a", { href: link("create", dialect), "aria-current": dialect === chosen ? "page" : undefined }, VENDORS[dialect])));

const leave = (place) => {
  asking.abort();
  place.replaceChildren();
};

/** The view that creates a contact. */
export const create = {
  prepare: () => {},
  enter: ({ rest }) => {
    asking.abort();
    const { signal } = (asking = new AbortController());
    const allowed = Object.keys(DIALECTS).filter(mayWrite);
    const dialect = allowed.includes(rest) ? rest : allowed[0];
    const place = byId("create-body");
    if (!dialect) place.replaceChildren(notice("This token may not create contacts", "It needs the role admin, contacts:write or dts-provider."));
    else {
      place.replaceChildren(chooser(dialect),
        composer({ method: "POST", ...CREATES[dialect](), isCard: dialect === "native", sendLabel: "Create", signal }));
    }
    return () => leave(place);
  },
  moved: (address) => create.enter(address),
};

const editor = async (id, place, signal) => {
  const contact = await get(`/contacts/${id}`, {}, { signal });
  byId("edit-title").textContent = `Edit ${nameOf(contact.card)}`;
  const back = h("p", {}, h("a", { href: link("contacts", id) }, "← Back to the contact"));
  const ifMatch = { "if-match": `"${contact.version}"` };
  if (contact.dialect === "native") {
    const finish = (text) => JSON.stringify(mergePatch(contact.card, JSON.parse(text)));
    const hint = h("p", { class: "hint" }, "Only what you change is sent, as a JSON merge patch, and only if nobody was faster.");
    place.replaceChildren(back, hint, composer({
      method: "PATCH", path: `/contacts/${id}`, headers: ifMatch, body: contact.card, isCard: true, finish, sendLabel: "Save", signal }));
    return;
  }
  const update = UPDATES[contact.dialect](contact);
  const hint = h("p", { class: "hint" }, `A contact of ${VENDORS[contact.dialect]} is changed through ${VENDORS[contact.dialect]}'s own request. `,
    update.method === "PUT" ? "What a PUT leaves out may be cleared." : "What is left out stays as it is.");
  place.replaceChildren(back, hint, composer({ ...update, headers: { ...ifMatch, ...update.headers }, sendLabel: "Save", signal }));
};

/** The view that changes a contact. */
export const edit = {
  prepare: () => {},
  enter: ({ rest }) => {
    asking.abort();
    const { signal } = (asking = new AbortController());
    const place = byId("edit-body");
    byId("edit-title").textContent = "Edit";
    place.replaceChildren(skeleton(6));
    editor(rest, place, signal).catch((error) => signal.aborted || place.replaceChildren(failure(error)));
    return () => leave(place);
  },
  moved: (address) => edit.enter(address),
};
