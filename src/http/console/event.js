// A command as one row: its START and its outcome together, whom it touched, who asked for it and what
// came of it. Opened, it shows both events, and lets the reader check them.

import { link } from "./address.js";
import { nameOf } from "./card.js";
import { badge, copier, facts, h, number, plural, when } from "./dom.js";
import * as prove from "./prove.js";
import { mayAudit } from "./rights.js";
import { ASKED, DONE, ownerOf, short, who } from "./words.js";

export const positionOf = (event) => Number(event.sequence);

/** What joins a START and its outcome. */
export const keyOf = (event) => event.causationid ?? event.id;

const phaseOf = (event) => (event.data?.phase ?? event.type.split("_").at(-1)).toLowerCase();

/** Puts an event into the command that it belongs to. */
export const put = (command, event) => {
  command[phaseOf(event) === "start" ? "start" : "outcome"] = event;
  return command;
};

const operationOf = ({ data, type }) => {
  if (data?.operation) return data.operation.toLowerCase();
  return Object.keys(ASKED).find((name) => type.includes(`_${name.toUpperCase()}_`)) ?? "";
};

/** What happened, in words. */
const happened = ({ start, outcome }) => {
  const event = outcome ?? start;
  const operation = operationOf(event);
  if (!outcome) return `Asked to ${ASKED[operation] ?? operation}`;
  if (phaseOf(outcome) === "fail") return `Refused to ${ASKED[operation] ?? operation}`;
  return DONE[operation] ?? operation;
};

const whom = ({ data = {}, subject, type }) => {
  if (data.contact) return nameOf(data.contact);
  if (data.vendorId && data.vendorId !== subject) return `${data.dialect} ${data.vendorId}`;
  if (subject) return short(subject);
  return type.includes("_LIST_") ? "contacts" : "a contact";
};

/** The milliseconds in the front of a UUIDv7. */
const millisOf = (id) => Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);

/**
 * How long it took from the arrival of the request to its events, where the correlation id is ours: it
 * holds the time of arrival. START and outcome themselves share one time.
 */
const took = ({ correlationid, time }) => {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(correlationid ?? "")) return "";
  const duration = new Date(time) - millisOf(correlationid);
  return duration >= 0 && duration < 60_000 ? `${number(duration)} ms` : "";
};

const errorText = ({ data }) => data?.error && [data.error.code, data.error.message].filter(Boolean).join(": ");

const at = (position) => h("a", { href: link("events", String(position)) }, number(position));

const positions = ({ start, outcome }) =>
  h("span", {}, [start, outcome].filter(Boolean).flatMap((event, index) => [index > 0 && ", ", at(positionOf(event))]));

const violations = ({ data }) => (data?.error?.violations ?? []).map(({ field, code }) => `${field} ${code}`).join(", ");

const eventPart = (event) => {
  const place = h("div", { class: "proof" });
  const position = positionOf(event);
  const verify = mayAudit() && h("button", { class: "quiet small verify", type: "button", click: () => prove.show(place, position, event.id) }, "Verify");
  const text = JSON.stringify(event, null, 2);
  return h("section", { class: "one-event", "data-position": position, "aria-label": `Event ${number(position)}` },
    h("div", { class: "one-event-head" }, h("h2", {}, "Event ", at(position)), h("code", { class: "hint" }, event.type), copier(text, "the event"), verify),
    place,
    h("pre", { tabindex: "0" }, text));
};

/** The two events of a command side by side. */
export const bothEvents = (command) =>
  h("div", { class: "both-events" }, [command.start, command.outcome].filter(Boolean).map(eventPart));

const body = (command) => {
  const event = command.outcome ?? command.start;
  const { data = {}, subject, correlationid } = event;
  return [
    errorText(event) && h("p", { class: "error-text" }, errorText(event), violations(event) && ` (${violations(event)})`),
    facts([
      subject && ["Contact", h("a", { href: link("contacts", subject) }, "Open the contact")],
      subject && ["Its events", h("a", { href: link("events", "", { subject }) }, "All of this contact")],
      correlationid && ["Command", h("span", {}, h("a", { href: link("commands", correlationid) }, correlationid), copier(correlationid, "the command's id"))],
      data.owner && ["Belongs to", ownerOf(data.owner)],
      data.fields?.length > 0 && ["Fields", data.fields.join(", ")],
      ["Positions", positions(command)],
    ]),
    bothEvents(command),
  ];
};

/** The row of a command. It is filled in when it is opened. */
export const row = (command, { open = false } = {}) => {
  const event = command.outcome ?? command.start;
  const { data = {}, time } = event;
  const phase = phaseOf(event);
  const about = [data.dialect, data.tenant].filter(Boolean).join(" / ") || event.source;
  const inside = h("div", { class: "event-body" });
  const fill = () => inside.childElementCount > 0 || inside.replaceChildren(...body(command).filter(Boolean));
  if (open) fill();
  return h("li", { class: `event ${phase}`, "data-sequence": positionOf(event), "data-start": command.start && positionOf(command.start) },
    h("details", { open, toggle: fill },
      h("summary", {},
        h("span", { class: "event-dot", "aria-hidden": "true" }),
        h("span", { class: "event-what" }, happened(command), " ", h("strong", {}, whom(event))),
        h("span", { class: "event-code" }, data.error?.code),
        h("span", { class: "event-about", title: about }, data.dialect ? badge(data.dialect, "plain") : about),
        h("span", { class: "event-who" }, data.actor ? who(data.actor) : ""),
        h("span", { class: "event-took", title: "From the arrival of the request to its events" }, took(event)),
        h("span", { class: "event-time" }, when(time, "clock")),
        h("span", { class: "event-position" }, number(positionOf(event)))),
      inside));
};

/** The rows of a command that has many events, or of a bulk. */
export const commandsOf = (events) => {
  const commands = new Map();
  for (const event of events) commands.set(keyOf(event), put(commands.get(keyOf(event)) ?? {}, event));
  return [...commands.values()];
};

export const summary = (events) => {
  const failed = events.filter((event) => phaseOf(event) === "fail").length;
  const done = events.filter((event) => phaseOf(event) === "success").length;
  return `${plural(events.length, "event")}: ${number(done)} done, ${number(failed)} refused`;
};
