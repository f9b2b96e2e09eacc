// A JSContact Card (RFC 9553) in words. What it does not know it shows all the same, name by name:
// nothing that is stored is hidden from the reader.

import { spelled, VENDORS } from "./words.js";

const values = (object) => Object.values(object ?? {}).filter((value) => value && typeof value === "object");
const joined = (parts, glue = ", ") => parts.filter(Boolean).join(glue);
const names = (set) => Object.keys(set ?? {});

const ORDER = ["title", "given", "given2", "surname", "surname2", "generation", "credential"];

const fromComponents = ({ components = [], isOrdered } = {}) => {
  const parts = components.filter(({ kind }) => kind !== "separator");
  if (!isOrdered) parts.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
  return joined(parts.map(({ value }) => value), " ");
};

const personName = (card) => card.name?.full || fromComponents(card.name);

/** What to call it. */
export const nameOf = (card) =>
  personName(card) || values(card.organizations)[0]?.name || values(card.emails)[0]?.address || "Unnamed contact";

/** The first organization it belongs to. */
export const organizationOf = (card) => organization(values(card.organizations)[0] ?? {});

/** Its first e-mail address. */
export const emailOf = (card) => values(card.emails)[0]?.address ?? "";

/** One or two letters for it. */
export const initials = (card) => {
  const words = nameOf(card).match(/[\p{L}\p{N}]+/gu) ?? ["?"];
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  return chosen.map((word) => [...word][0].toUpperCase()).join("");
};

/** Its titles and organizations, under its name. */
export const roleOf = (card) =>
  joined([values(card.titles)[0]?.name, personName(card) && values(card.organizations)[0]?.name], ", ");

const kindOf = (value) => joined([value.label, ...names(value.contexts), ...names(value.features), value.kind]);

const address = (value) =>
  value.full || joined((value.components ?? []).filter(({ kind }) => kind !== "separator").map((part) => part.value))
  || value.countryCode || "";

const date = (value) => {
  if (!value || typeof value !== "object") return String(value ?? "");
  const two = (part) => part && String(part).padStart(2, "0");
  return value.utc ?? joined([value.year, two(value.month), two(value.day)], "-");
};

const organization = (value) => joined([value.name, ...values(value.units).map((unit) => unit.name)]);
const service = (value) => joined([value.service, value.user ?? value.uri], " · ");

const KNOWN = {
  emails: ["E-mail", (value) => value.address],
  phones: ["Phone", (value) => value.number],
  media: ["Pictures", (value) => value.uri],
  addresses: ["Address", address],
  organizations: ["Organization", organization],
  titles: ["Title", (value) => value.name],
  nicknames: ["Nickname", (value) => value.name],
  onlineServices: ["Online", service],
  links: ["Links", (value) => value.uri],
  anniversaries: ["Dates", (value) => date(value.date)],
  notes: ["Notes", (value) => value.note],
};

// Vendors' own properties stand under the vendor's domain (RFC 9553, section 1.8.1).
const DOMAINS = {
  "mattr.global": VENDORS.mattr, "oracle.com": VENDORS.oracle, "emnify.com": VENDORS.emnify, "thena.ai": VENDORS.thena, "kare-app.fr": VENDORS.kare,
};

/** Whether nobody typed it: every Card has it, and it says nothing about the person. */
export const isGiven = (name, value) =>
  name === "@type" || name === "version" || (name === "kind" && value === "individual") || (name === "uid" && /^urn:uuid:/.test(value));

const inWords = (value) => (typeof value === "boolean" ? (value ? "yes" : "no") : String(value));

/** Every value inside a value, with the way to it. */
export const flatten = (value, path = "") => {
  if (value === null || typeof value !== "object") return [[path, inWords(value)]];
  const entries = Object.entries(value).filter(([name]) => name !== "@type");
  if (entries.length === 0) return [[path, "nothing"]];
  return entries.flatMap(([name, inner]) => flatten(inner, path ? `${path} › ${name}` : name));
};

const known = (name, value) => {
  const [title, text] = KNOWN[name];
  const rows = values(value).map((item) => [kindOf(item), text(item)]);
  // Something that does not look as the RFC has it is shown as it is.
  return rows.every(([, shown]) => shown) && rows.length > 0 ? { title, rows } : { title, rows: flatten(value) };
};

const isEmpty = (value) => value !== null && typeof value === "object" && Object.keys(value).length === 0;

/** A Card as groups of values, each with a label where there is one to say; the vendor's own fields under the vendor's name. */
export const groups = (card) => {
  const found = [];
  const rest = [];
  const vendors = new Map();
  for (const [name, value] of Object.entries(card)) {
    const colon = name.indexOf(":");
    if (isGiven(name, value) || isEmpty(value)) continue;
    if (KNOWN[name] && value && typeof value === "object") found.push(known(name, value));
    else if (name === "name" && value?.components) found.push({ title: "Name", rows: value.components.map((part) => [part.kind, part.value]) });
    else if (name === "name" && names(value).every((key) => key === "full" || key === "@type")) continue;
    else if (colon > 0) {
      const domain = name.slice(0, colon);
      const title = DOMAINS[domain] ?? domain;
      vendors.set(title, [...(vendors.get(title) ?? []), ...flatten(value, spelled(name.slice(colon + 1)))]);
    } else rest.push(...flatten(value, spelled(name)));
  }
  for (const [vendor, rows] of vendors) found.push({ title: vendor, rows });
  if (rest.length > 0) found.push({ title: "More", rows: rest });
  return found;
};
