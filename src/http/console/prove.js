// "Verify" on an event, and "the log has only grown since the last visit": the browser fetches proof,
// entry and tiles, and computes the rest itself. It keeps the key and the checkpoint of the last visit.

import { getBytes, getText } from "./api.js";
import { failure, h, moment, number, plural, svg } from "./dom.js";
import { Broken, checkSignature, climb, entriesOf, leafHash, need, onlyGrown, parseCheckpoint, parseProof, same, tileName, toBase64 } from "./merkle.js";

const KEPT = "contactd-audit";

const kept = () => {
  try {
    return JSON.parse(localStorage.getItem(KEPT));
  } catch {
    return null;
  }
};

const keep = (value) => {
  try {
    if (value) localStorage.setItem(KEPT, JSON.stringify(value));
    else localStorage.removeItem(KEPT);
  } catch {
    // A browser that keeps nothing for pages can't compare with the last visit.
  }
};

// What was kept before this page was opened; what is kept while it is open must not take its place.
let before = kept();

/** Forgets the key and checkpoint of earlier visits, for who means to begin anew. */
export const forget = () => {
  before = null;
  keep(null);
};

/** The log's key, which must be the one of the last visit. */
const theKey = async () => {
  const key = (await getText("/audit/key")).trim();
  need(!before || before.key === key, "The log's key is another one than at your last visit.");
  return key;
};

/** Compares the checkpoint of now with that of the last visit, and keeps it. */
export const sinceLastVisit = async () => {
  const key = await theKey();
  const now = parseCheckpoint(await getText("/audit/checkpoint"));
  const signed = await checkSignature(now, key);
  if (before) await onlyGrown(before, now, (name) => getBytes(name));
  keep({ key, origin: now.origin, size: now.size, root: now.root, seen: new Date().toISOString() });
  return { now, key, signed, before };
};

/** What was found by that, in words. */
export const grown = async (again) => {
  const over = () => {
    forget();
    again();
  };
  try {
    const { now, before: old } = await sinceLastVisit();
    if (!old) return h("p", { class: "hint grown" }, `The checkpoint of ${plural(now.size, "event")} is kept in this browser. At your next visit it shows whether the log has only grown.`);
    const added = now.size - old.size;
    return h("p", { class: "grown", "data-state": "good" },
      h("strong", {}, `The log has only grown since ${moment(old.seen)}.`),
      ` ${added === 0 ? "No event was" : `${plural(added, "event")} ${added === 1 ? "was" : "were"}`} added; the ${plural(old.size, "event")} before are the same.`);
  } catch (error) {
    if (!(error instanceof Broken)) return h("p", { class: "hint grown" }, "It could not be compared with your last visit: ", error.title ?? error.message);
    return h("div", { class: "grown notice error", role: "alert" },
      h("p", { class: "notice-title" }, error.message),
      h("p", {}, `Your last visit was ${before ? moment(before.seen) : "never"}. If the service was set up anew that is as it should be; else ask who runs it.`),
      h("button", { class: "quiet", type: "button", click: over }, "Begin anew from this log"));
  }
};

/** The bytes of an entry; `null` where the token may not read bundles, which hold every tenant's. */
const entryAt = async (index, size) => {
  const bundle = await getBytes(tileName("entries", Math.floor(index / 256), 0, size), [401, 403]);
  return bundle && entriesOf(bundle)[index % 256];
};

const leafFromTile = async (index, size) => {
  const hashes = await getBytes(tileName("0", Math.floor(index / 256), 0, size));
  return hashes.subarray((index % 256) * 32, (index % 256) * 32 + 32);
};

const bytesOf = (uuid) => Uint8Array.from(uuid.replaceAll("-", "").match(/../g), (pair) => Number.parseInt(pair, 16));

/** A number of CBOR (RFC 8949) and where it ends. */
const cborNumber = (bytes, at) => {
  const size = { 24: 1, 25: 2, 26: 4, 27: 8 }[bytes[at]] ?? 0;
  if (size === 0) return [bytes[at], at + 1];
  return [bytes.subarray(at + 1, at + 1 + size).reduce((sum, byte) => sum * 256 + byte, 0), at + 1 + size];
};

/** Whether an entry begins as the record of this event does: with its position and its id. */
const isRecordOf = (entry, position, id) => {
  // The version of records, the head of a map, and the first two of its numbered members.
  const start = entry[1] === 0xb8 ? 3 : 2;
  const [found, at] = cborNumber(entry, start + 1);
  const names = entry[0] === 1 && entry[start] === 0 && entry[at] === 1 && entry[at + 1] === 0x50;
  return names && found === position && same(entry.subarray(at + 2, at + 18), bytesOf(id));
};

/** Checks one event; gives every step. Throws [`Broken`] for what does not hold. */
export const verify = async (position, eventId) => {
  const key = await theKey();
  const proof = parseProof(await getText(`/audit/proof/${position}`));
  const { index, path, checkpoint } = proof;
  need(index === position - 1, "The proof is of another event.");
  const entry = await entryAt(index, checkpoint.size);
  if (entry) need(isRecordOf(entry, position, eventId), "The entry at this position is another event's.");
  const leaf = entry ? await leafHash(entry) : await leafFromTile(index, checkpoint.size);
  const { root, steps } = await climb(index, checkpoint.size, leaf, path);
  need(toBase64(root) === checkpoint.root, "The path does not lead to the root that was signed.");
  return { checkpoint, entry, leaf, steps, signed: await checkSignature(checkpoint, key) };
};

const ROW = 46;
const shown = (hash) => `${toBase64(hash).slice(0, 10)}…`;

const box = (x, y, kind, text) =>
  svg("g", {},
    svg("rect", { class: `node ${kind}`, x, y, width: 116, height: 26, rx: 7 }),
    svg("text", { class: "node-text", x: x + 58, y: y + 17, "text-anchor": "middle" }, text));

/** The way from the event up to the root, with the sibling at each step. */
const drawing = ({ leaf, steps }) => {
  const height = (steps.length + 1) * ROW;
  const level = (number) => height - (number + 1) * ROW + 8;
  const parts = [];
  steps.forEach(({ sibling, side }, at) => {
    const x = side === "left" ? 4 : 260;
    const bend = `M${x + 58} ${level(at)} V${level(at) - 9} H190 V${level(at + 1) + 26}`;
    parts.push(svg("path", { class: "edge", d: bend }), svg("path", { class: "edge own", d: `M190 ${level(at)} V${level(at + 1) + 26}` }),
      box(x, level(at), "sibling", shown(sibling)));
  });
  parts.push(...[leaf, ...steps.map(({ hash }) => hash)].map((hash, at) =>
    box(132, level(at), at === steps.length ? "root" : at === 0 ? "leaf" : "own", shown(hash))));
  return svg("svg", { class: "path", viewBox: `0 0 380 ${height}`, role: "img", "aria-label": `The path from the event to the root, in ${plural(steps.length, "step")}` }, parts);
};

const good = (text) => h("li", { "data-state": "good" }, h("span", { class: "dot", "aria-hidden": "true" }), text);
const open = (text) => h("li", {}, h("span", { class: "dot", "aria-hidden": "true" }), text);

const result = (position, { checkpoint, entry, leaf, steps, signed }) => [
  h("p", { class: "proved", "data-state": "good", role: "status" }, h("span", { class: "dot", "aria-hidden": "true" }),
    ` Verified in this browser: event ${number(position)} is in the log of ${plural(checkpoint.size, "event")}.`),
  h("ul", { class: "checks" },
    entry ? good(`The entry is this event's: ${plural(entry.length, "byte")} that begin with its position and id.`)
      : open("This token may not read the entry's bytes, so its hash comes from a tile."),
    good(`${plural(steps.length, "step")} of SHA-256 lead from it to the root.`),
    signed ? good("The root is signed with the log's key (Ed25519).") : open("This browser can't check Ed25519, so the signature is not checked."),
    before ? good(`The key is the one of your visit on ${moment(before.seen)}.`) : open("The key was fetched just now: compare it with one that you got another way.")),
  h("details", { class: "path-part" }, h("summary", {}, "The path to the root"), drawing({ leaf, steps }),
    h("p", { class: "hint" }, "From the event below up to the root; beside it what the log gave, in the middle what this browser computed.")),
];

/** Verifies an event, and shows in a place what was found. */
export const show = async (place, position, eventId) => {
  place.setAttribute("aria-busy", "true");
  place.replaceChildren(h("p", { class: "hint", role: "status" }, "Waiting for a checkpoint that covers it…"));
  try {
    place.replaceChildren(...result(position, await verify(position, eventId)));
  } catch (error) {
    const again = () => show(place, position, eventId);
    place.replaceChildren(error instanceof Broken
      ? h("div", { class: "notice error", role: "alert" }, h("p", { class: "notice-title" }, "This does not hold"), h("p", {}, error.message))
      : failure(error, again));
  }
  place.removeAttribute("aria-busy");
};

/** Gives a proof to the reader as a file. */
export const download = async (position, name) => {
  const text = await getText(`/audit/proof/${position}`);
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const anchor = h("a", { href: address, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
};
