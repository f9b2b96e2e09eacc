"""What the page says it has verified, it has; and what was tampered with it refuses."""

import base64
import hashlib
import json

# Changes one bit of the first hash of a proof.
FLIPPED_PROOF = """
    const lines = text.split("\\n");
    lines[2] = (lines[2][0] === "A" ? "B" : "A") + lines[2].slice(1);
    return lines.join("\\n");"""
# Changes one bit in every entry of a bundle: its bytes stay as many.
FLIPPED_ENTRY = "return text.slice(0, 40) + String.fromCharCode(text.charCodeAt(40) ^ 1) + text.slice(41);"
FLIPPED_SIGNATURE = """
    const at = text.length - 10;
    return text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);"""


def verify(page, position):
    page.open("#state")
    page.open(f"#events/{position}")
    button = f"#log [data-position='{position}'] .verify"
    page.one(button)
    page.run("document.querySelector(arguments[0]).click()", button)


def verifies_events_in_the_browser(page):
    head = page.service.sealed()
    for position in (1, 2, head):
        verify(page, position)
        page.text_of(".proved", f"event {position:,} is in the log")
        page.text_of(".checks", "begin with its position and id")
        page.text_of(".checks", "signed with the log's key")
        # It is a line of text, not a row of the list that the proof stands in.
        assert page.run("return document.querySelector('.path-part summary').offsetHeight") < 40
        page.click(".path-part summary")
        steps = page.count(".path .sibling")
        assert steps >= 3, "the path to the root is drawn"
        assert page.count(".path .root") == 1
    page.picture("verified-light")
    page.silent()


def refuses_a_flipped_bit(page):
    for path, script, reason in (
        ("/audit/proof/", FLIPPED_PROOF, "does not lead to the root"),
        ("/audit/tile/entries/", FLIPPED_ENTRY, "does not lead to the root"),
        ("/audit/proof/", FLIPPED_SIGNATURE, "signature of the checkpoint is false"),
    ):
        page.bend(path, script)
        verify(page, 1)
        page.text_of(".proof", "This does not hold")
        page.text_of(".proof", reason)
        assert page.count(".proved") == 0
        page.unbend()
    page.picture("refused-proof-light")
    # Another event's entry and proof are no proof of this one.
    page.bend("/audit/proof/", "return text.replace(/index 0/, 'index 1');")
    verify(page, 1)
    page.text_of(".proof", "The proof is of another event")
    page.unbend()
    page.silent()


def shows_that_the_log_has_only_grown(page):
    page.run("localStorage.removeItem('contactd-audit')")
    page.open("#contacts")
    page.driver.refresh()
    page.open("#state")
    page.text_of(".grown", "is kept in this browser")
    kept = page.run("return localStorage.getItem('contactd-audit')")
    # More than a tile of 256, so that the proof of it crosses one.
    page.service.batch([f"Grown {number}" for number in range(150)])
    sealed = page.service.sealed()
    page.driver.refresh()
    page.text_of(".grown", "has only grown since")
    added = sealed - json.loads(kept)["size"]
    page.text_of(".grown", f"{added} events were added")
    page.picture("grown-light")
    # A kept checkpoint of another history.
    false = {**json.loads(kept), "root": "A" * 43 + "="}
    page.run("localStorage.setItem('contactd-audit', arguments[0])", json.dumps(false))
    page.driver.refresh()
    page.text_of(".grown", "is not what it was")
    page.picture("not-grown-light")
    page.click(".grown button")
    page.text_of(".grown", "is kept in this browser")
    page.silent()


def split(count):
    return 1 << (count - 1).bit_length() - 1


def root(leaves):
    """The hash of a tree (RFC 6962, section 2.1)."""
    if len(leaves) == 1:
        return leaves[0]
    middle = split(len(leaves))
    return hashlib.sha256(b"\1" + root(leaves[:middle]) + root(leaves[middle:])).digest()


def tiles(leaves):
    """The hash tiles of a tree of fewer than a thousand leaves, by name."""
    full = [root(leaves[at : at + 256]) for at in range(0, len(leaves) // 256 * 256, 256)]
    for level, hashes in enumerate((leaves, full)):
        for at in range(0, len(hashes), 256):
            tile = hashes[at : at + 256]
            width = f".p/{len(tile)}" if len(tile) < 256 else ""
            yield f"/audit/tile/{level}/{at // 256:03}{width}", base64.b64encode(b"".join(tile)).decode()


def compares_logs_of_every_shape(page):
    """Against trees computed here: what is the beginning passes, and nothing else does."""
    leaves = [hashlib.sha256(b"\0%d" % number).digest() for number in range(800)]
    page.open("#state")
    for old, new in ((1, 2), (2, 3), (3, 7), (7, 8), (8, 8), (6, 40), (255, 256), (256, 257), (1, 513), (300, 600), (511, 512), (512, 800), (777, 800)):
        roots = [base64.b64encode(root(leaves[:size])).decode() for size in (old, new)]
        other = base64.b64encode(root(leaves[1 : old + 1])).decode()
        said = page.driver.execute_async_script("""
            (async ([sizes, roots, tiles, other, done]) => {
            const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const { onlyGrown } = await import("/console/merkle.js");
            const judge = (...roots) => {
              const [older, newer] = roots.map((root, at) => ({ origin: "log", size: sizes[at], root }));
              return onlyGrown(older, newer, async (name) => bytes(tiles[name])).then(() => "grown", (error) => error.message);
            };
            done([await judge(...roots), await judge(other, roots[1]), await judge(roots[0], other)]);
            })(arguments)""", [old, new], roots, dict(tiles(leaves[:new])), other)
        refused = "What was recorded before the last visit is not what it was."
        assert said == ["grown", refused, refused], (old, new, said)


ALL = [
    verifies_events_in_the_browser,
    refuses_a_flipped_bit,
    compares_logs_of_every_shape,
    shows_that_the_log_has_only_grown,
]
