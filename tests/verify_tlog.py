"""Verifies transparency logs, from the text of C2SP and RFC 6962 alone.

    verify_tlog.py VKEY DIRECTORY...

Prints `ok SIZE` or `refused REASON` for each. Beside tiles, a directory may hold

    older-*        checkpoints that this log signed before
    *.tlog-proof   proofs, each of the entry in the file of that name in `.entry`
    witness.vkey   the key of a witness, who must have cosigned `cosigned`
"""

import base64
import hashlib
import pathlib
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EMPTY = hashlib.sha256(b"").digest()


class Refused(Exception):
    """The log is not what it should be."""


def need(condition, reason):
    if not condition:
        raise Refused(reason)


def unbase64(text):
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text, "a second spelling of base64")
    return raw


def decimal(text):
    need(re.fullmatch(r"0|[1-9][0-9]*", text, re.ASCII), f"{text!r} is no decimal")
    return int(text)


# RFC 6962, section 2.1
def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def split(count):
    return 1 << (count - 1).bit_length() - 1


def tree_hash(hashes):
    if len(hashes) < 2:
        return hashes[0] if hashes else EMPTY
    k = split(len(hashes))
    return node_hash(tree_hash(hashes[:k]), tree_hash(hashes[k:]))


def path_root(index, size, leaf, path):
    """The root to which an inclusion path leads: PATH(m, D[n]), read backwards."""
    need(bool(path) == (size > 1), "a path of the wrong length")
    if size == 1:
        return leaf
    k = split(size)
    if index < k:
        return node_hash(path_root(index, k, leaf, path[:-1]), path[-1])
    return node_hash(path[-1], path_root(index - k, size - k, leaf, path[:-1]))


# c2sp.org/signed-note and c2sp.org/tlog-cosignature
class Key:
    def __init__(self, vkey):
        self.name, key_id, material = vkey.strip().split("+", 2)
        material = unbase64(material)
        self.kind, public = material[0], material[1:]
        need(self.kind in (1, 4), "a key of an unknown kind")
        self.id = hashlib.sha256(self.name.encode() + b"\n" + material).digest()[:4]
        need(self.id.hex() == key_id, "a key whose id is wrong")
        self.public = Ed25519PublicKey.from_public_bytes(public)

    def check(self, text, signature):
        message = text.encode()
        if self.kind == 4:
            time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            message = f"cosignature/v1\ntime {time}\n".encode() + message
        self.public.verify(signature, message)


def open_note(note, keys):
    """The text of a note that each of the keys has signed."""
    need(not re.search(r"[\x00-\x09\x0b-\x1f]", note), "a control character")
    need("\n\n" in note and note.endswith("\n"), "not a note")
    text, lines = note.rsplit("\n\n", 1)
    text += "\n"
    signers = set()
    for line in lines[:-1].split("\n"):
        parts = line.split(" ")
        need(len(parts) == 3 and parts[0] == "\u2014" and parts[1], "not a signature line")
        raw = unbase64(parts[2])
        for key in keys:
            if (key.name, key.id) == (parts[1], raw[:4]):
                key.check(text, raw[4:])
                signers.add(key)
    need(signers == set(keys), "not signed by who should have")
    return text


# c2sp.org/tlog-checkpoint
def open_checkpoint(note, log, *witnesses):
    """The size and the root that a log has signed."""
    lines = open_note(note, [log, *witnesses]).split("\n")
    need(len(lines) == 4 and lines[0] == log.name, "a checkpoint of another form or log")
    size, root = decimal(lines[1]), unbase64(lines[2])
    need(len(root) == 32 and (size or root == EMPTY), "a root that is none")
    return size, root


# c2sp.org/tlog-tiles
def read(directory, kind, index, width):
    groups = re.findall("...", f"{index:0{-(-len(str(index)) // 3) * 3}}")
    path = directory / "tile" / kind / "/".join([f"x{g}" for g in groups[:-1]] + groups[-1:])
    if width < 256:
        path = path.with_name(path.name + ".p") / str(width)
    need(path.is_file(), f"{path.relative_to(directory)} is missing")
    return path.read_bytes()


def entries_of(bundle):
    while bundle:
        end = 2 + int.from_bytes(bundle[:2], "big")
        need(len(bundle) >= end, "a bundle that ends early")
        yield bundle[2:end]
        bundle = bundle[end:]


def check_tiles(directory, size):
    """Every entry against every tile; gives the hashes of the leaves."""
    hashes = []
    for start in range(0, size, 256):
        width = min(256, size - start)
        entries = list(entries_of(read(directory, "entries", start // 256, width)))
        need(len(entries) == width, f"bundle {start // 256} has {len(entries)} entries")
        hashes += [leaf_hash(entry) for entry in entries]
    leaves, level = hashes, 0
    while hashes:
        for start in range(0, len(hashes), 256):
            tile = hashes[start : start + 256]
            found = read(directory, str(level), start // 256, len(tile))
            need(found == b"".join(tile), f"tile {level}/{start // 256} has other hashes")
        full = len(hashes) // 256 * 256
        hashes = [tree_hash(hashes[at : at + 256]) for at in range(0, full, 256)]
        level += 1
    return leaves


# c2sp.org/tlog-proof
def check_proof(proof, entry, log):
    head, checkpoint = proof.split("\n\n", 1)
    lines = head.split("\n")
    need(lines[0] == "c2sp.org/tlog-proof@v1", "not a proof")
    need(len(lines) > 1 and lines[1].startswith("index "), "a proof without an index")
    index, path = decimal(lines[1][6:]), [unbase64(line) for line in lines[2:]]
    size, root = open_checkpoint(checkpoint, log)
    need(index < size and all(len(hash) == 32 for hash in path), "a proof of nothing")
    need(path_root(index, size, leaf_hash(entry), path) == root, "a proof that fails")


def check(directory, log):
    size, root = open_checkpoint((directory / "checkpoint").read_bytes().decode(), log)
    leaves = check_tiles(directory, size)
    need(tree_hash(leaves) == root, "the entries do not hash to the signed root")
    for path in sorted(directory.glob("older-*")):
        old, old_root = open_checkpoint(path.read_bytes().decode(), log)
        need(tree_hash(leaves[:old]) == old_root, f"the older checkpoint of {old} is not part of it")
    for path in sorted(directory.glob("*.tlog-proof")):
        check_proof(path.read_bytes().decode(), path.with_suffix(".entry").read_bytes(), log)
    for path in directory.glob("witness.vkey"):
        witness = Key(path.read_bytes().decode())
        old, old_root = open_checkpoint((directory / "cosigned").read_bytes().decode(), log, witness)
        need(tree_hash(leaves[:old]) == old_root, "a witness saw another log")
    return size


def main():
    log = Key(sys.argv[1])
    for name in sys.argv[2:]:
        try:
            print("ok", check(pathlib.Path(name), log))
        except (Refused, ValueError, InvalidSignature) as reason:
            print("refused", reason if str(reason) else "a wrong signature")


main()
