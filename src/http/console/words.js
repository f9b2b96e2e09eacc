// Plain words for what the service says by name: operations, actors, owners, reasons.

import { h } from "./dom.js";

/** What was done. */
export const DONE = {
  create: "Created", update: "Changed", delete: "Deleted", erase: "Erased", retrieve: "Read", retrieve_list: "Listed",
};

/** What was asked for. */
export const ASKED = {
  create: "create", update: "change", delete: "delete", erase: "erase", retrieve: "read", retrieve_list: "list",
};

/** The vendors, by the names of their APIs. */
export const VENDORS = {
  native: "contactd", mattr: "MATTR", oracle: "Oracle", emnify: "emnify", thena: "Thena", kare: "Kare",
};

/** The reasons of an erasure. */
export const REASONS = {
  request: "the person asked for it", retention: "it was kept for long enough", legal: "the law demands it", other: "another reason",
};

const OWNERS = {
  ecosystemId: "ecosystem", participantId: "participant", org_id: "organisation", "x-org-id": "organisation", companyId: "company", tenant: "tenant",
};

/** To whom a contact belongs, in the vendor's own terms. */
export const ownerOf = (owner) =>
  Object.entries(owner ?? {}).map(([name, id]) => `${OWNERS[name] ?? name} ${id}`).join(", ");

// Who everybody is to a service that asks for no token.
const LOCAL = "f7b9ecfc-8431-470e-a1de-94b68dd92f68";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether it is a UUID, as our own ids are. */
export const isUuid = (text) => UUID.test(text);

/** The beginning of an id that is too long to read; the whole of it is a hover away. */
export const short = (id) =>
  h("code", { class: "id", title: id }, isUuid(id) ? `${id.slice(0, 8)}…` : id);

/** Who did it. */
export const who = ({ clientId, managementUserId, subject } = {}) => {
  const name = subject ?? clientId ?? managementUserId;
  const title = Object.entries({ subject, clientId, managementUserId }).filter(([, id]) => id).map(([key, id]) => `${key} ${id}`).join(", ");
  if (name === LOCAL) return h("span", { class: "who", title }, "local developer");
  if (!name) return h("span", { class: "who" }, "someone unnamed");
  return h("span", { class: "who", title }, isUuid(name) ? `${name.slice(0, 8)}…` : name);
};

/** A name as a program writes it, as people do: `startDate` is "Start date". */
export const spelled = (name) => {
  const words = name.replaceAll(/([a-z\d])([A-Z])/g, "$1 $2").replaceAll("_", " ").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
};
