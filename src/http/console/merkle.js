// The hash tree of the audit log (RFC 6962), computed in the browser: what the service says of itself
// is checked here, against its signature, not believed. Positions stay below 2^53, so numbers do.

const TILE = 256;

/** What does not hold, in words. */
export class Broken extends Error {}

export const need = (holds, reason) => {
  if (!holds) throw new Broken(reason);
};

export const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));

export const fromBase64 = (text) => {
  try {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    need(toBase64(bytes) === text, "A hash is not in its one spelling.");
    return bytes;
  } catch {
    throw new Broken("A hash is damaged.");
  }
};

export const same = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

const joined = (...parts) => {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
};

const sha256 = async (...parts) => {
  need(globalThis.crypto?.subtle, "This browser computes hashes only on a page of https, or of this machine.");
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
};

/** The hash of a leaf that holds these bytes. */
export const leafHash = (entry) => sha256(Uint8Array.of(0), entry);

/** The hash of the node above these two. */
export const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

/** The largest power of two below a number. */
const split = (count) => {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
};

/**
 * The way from a leaf to the root of a tree of `size` leaves: each step with the sibling, its side and
 * the hash above. A path of another length than the leaf's is refused.
 */
export const climb = async (index, size, leaf, path) => {
  need(index < size, "The checkpoint does not reach that far.");
  const sides = [];
  for (let low = 0, high = size; high - low > 1;) {
    const middle = low + split(high - low);
    sides.push(index < middle ? "right" : "left");
    if (index < middle) high = middle;
    else low = middle;
  }
  sides.reverse();
  need(sides.length === path.length, "The proof has another length than it must have.");
  const steps = [];
  let hash = leaf;
  for (const [level, sibling] of path.entries()) {
    hash = sides[level] === "left" ? await nodeHash(sibling, hash) : await nodeHash(hash, sibling);
    steps.push({ sibling, side: sides[level], hash });
  }
  return { root: hash, steps };
};

/** The name of a tile of a tree of this size (C2SP tlog-tiles). */
export const tileName = (kind, index, level, size) => {
  const width = Math.min(TILE, Math.floor(size / TILE ** level) - index * TILE);
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.../g);
  const path = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
  return `/audit/tile/${kind}/${path}${width < TILE ? `.p/${width}` : ""}`;
};

/** The entries of a bundle, each behind its length. */
export const entriesOf = (bundle) => {
  const entries = [];
  for (let at = 0; at < bundle.length;) {
    const end = at + 2 + bundle[at] * 256 + bundle[at + 1];
    need(at + 2 <= bundle.length && end <= bundle.length, "A bundle ends early.");
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  return entries;
};

/** The hashes of a tree's inner nodes, from its tiles; each tile is fetched once. */
export const treeOf = (size, fetchTile) => {
  const held = new Map();
  const tile = (level, index) => {
    const name = tileName(String(level), index, level, size);
    if (!held.has(name)) held.set(name, fetchTile(name));
    return held.get(name);
  };
  const stored = async (level, index) => {
    const hashes = await tile(level, Math.floor(index / TILE));
    const at = (index % TILE) * 32;
    need(hashes && at + 32 <= hashes.length, "A tile is missing or too short.");
    return hashes.slice(at, at + 32);
  };
  /** The hash over the leaves from `low` to before `high`. */
  const range = async (low, high) => {
    const count = high - low;
    let level = 0;
    while (TILE ** (level + 1) <= count) level += 1;
    if (count === TILE ** level) return stored(level, low / count);
    const middle = low + split(count);
    return nodeHash(await range(low, middle), await range(middle, high));
  };
  return { range };
};

/** The proof that a tree of `old` leaves is the beginning of one of `size` (RFC 6962, section 2.1.2). */
const consistencyPath = async (tree, old, size) => {
  const path = [];
  let [low, high] = [0, size];
  while (old !== high) {
    const middle = low + split(high - low);
    if (old <= middle) {
      path.push(await tree.range(middle, high));
      high = middle;
    } else {
      path.push(await tree.range(low, middle));
      low = middle;
    }
  }
  if (low > 0) path.push(await tree.range(low, high));
  return path.reverse();
};

/** Checks that the log of an older checkpoint is the beginning of a newer one's (RFC 9162, section 2.1.4.2). */
export const onlyGrown = async (older, newer, fetchTile) => {
  need(older.origin === newer.origin, "This is another log than at the last visit.");
  need(older.size <= newer.size, "The log is shorter than at the last visit.");
  const changed = "What was recorded before the last visit is not what it was.";
  if (older.size === newer.size) return need(older.root === newer.root, changed);
  if (older.size === 0) return;
  const half = (value) => Math.floor(value / 2);
  const path = await consistencyPath(treeOf(newer.size, fetchTile), older.size, newer.size);
  const isPower = split(older.size * 2) === older.size;
  let [node, last] = [older.size - 1, newer.size - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  let oldRoot = isPower ? fromBase64(older.root) : path.shift();
  let newRoot = oldRoot;
  for (const sibling of path) {
    if (node % 2 === 1 || node === last) {
      oldRoot = await nodeHash(sibling, oldRoot);
      newRoot = await nodeHash(sibling, newRoot);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else newRoot = await nodeHash(newRoot, sibling);
    [node, last] = [half(node), half(last)];
  }
  need(last === 0 && toBase64(oldRoot) === older.root && toBase64(newRoot) === newer.root, changed);
};

/** A checkpoint and who signed it (C2SP signed-note): its text, and the lines below. */
export const parseCheckpoint = (note) => {
  const at = note.lastIndexOf("\n\n");
  const [origin, size, root, ...more] = note.slice(0, at).split("\n");
  need(at > 0 && /^(0|[1-9]\d{0,15})$/.test(size) && more.length === 0, "This is no checkpoint.");
  need(fromBase64(root).length === 32, "The root is no hash.");
  return { origin, size: Number(size), root, text: `${note.slice(0, at)}\n`, lines: note.slice(at + 2).trimEnd().split("\n") };
};

/** A proof of one entry (C2SP tlog-proof): its index, the siblings, and the signed checkpoint. */
export const parseProof = (text) => {
  const at = text.indexOf("\n\n");
  const [header, index, ...path] = text.slice(0, at).split("\n");
  need(header === "c2sp.org/tlog-proof@v1" && /^index \d+$/.test(index), "This is no proof.");
  return { index: Number(index.slice(6)), path: path.map(fromBase64), checkpoint: parseCheckpoint(text.slice(at + 2)) };
};

/** Checks the log's own signature; `null` where the browser has no Ed25519. */
export const checkSignature = async (checkpoint, key) => {
  const [name, id, ...rest] = key.trim().split("+");
  const material = fromBase64(rest.join("+"));
  need(name === checkpoint.origin, "The checkpoint is another log's.");
  need(material.length === 33 && material[0] === 1, "The key is of an unknown kind.");
  const digest = (await sha256(new TextEncoder().encode(`${name}\n`), material)).subarray(0, 4);
  const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  need(hex === id, "The key is not the one that it is named for.");
  const signatures = checkpoint.lines.map((line) => line.split(" ")).filter(([dash, signer]) => dash === "\u2014" && signer === name)
    .map(([, , signature]) => fromBase64(signature)).filter((bytes) => same(bytes.subarray(0, 4), digest));
  need(signatures.length > 0, "The checkpoint is not signed by the log.");
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", material.subarray(1), "Ed25519", false, ["verify"]);
  } catch {
    return null;
  }
  const signed = new TextEncoder().encode(checkpoint.text);
  for (const signature of signatures) {
    need(await crypto.subtle.verify("Ed25519", imported, signature.subarray(4), signed), "The signature of the checkpoint is false.");
  }
  return true;
};
