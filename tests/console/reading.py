"""Finding, following and looking, in a service that asks for no token."""

import json

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser import DESK, PHONE

# A contact who hopes that somebody is careless.
MARKUP = "<img src=x onerror=\"window.ran='img'\"></script><script>window.ran='script'</script>"

ONE = "document.querySelector('#search-count').textContent === '1 contact'"


def finds_opens_and_sees_the_past(page):
    page.service.emnify("Berta Field", "berta@field.example", city="Dresden", phone="+49 351 1234")
    contact = page.service.send("GET", "/contacts?email=berta@field.example")["data"][0]
    path = f"/api/v1/organisation/{contact['tenant']}/contact/{contact['vendorId']}"
    page.service.send("PATCH", path, {"name": "Berta Meadow"})
    changed = page.service.send("GET", f"/contacts/{contact['id']}/history")["data"][-1]

    page.open()
    page.write("#q", "berta@field")
    page.until(ONE, "one is found")
    for cell in ("Berta Meadow", "berta@field.example", contact["tenant"], "emnify"):
        page.text_of("#results tr", cell)
    # How long ago it was stays true while the page is looked at.
    page.text_of("#results tr", "ago")
    page.run("document.querySelector('#results time').dateTime = new Date(Date.now() - 120_000).toISOString()")
    page.text_of("#results tr", "2 minutes ago")
    page.click(f"#results a[data-id='{contact['id']}']")
    page.text_of(".detail-name", "Berta Meadow")
    page.text_of(".groups", "berta@field.example")
    page.text_of(".badges", "emnify")
    for fact in (contact["id"], "Id at emnify", f"organisation {contact['tenant']}", "local developer"):
        page.text_of(".record", fact)
    page.click(".raw summary")
    page.text_of(".raw pre", contact["id"])

    # Newest first: who, when, and what from and to; nothing that nobody typed.
    page.text_of(".timeline", "Created")
    points = page.driver.find_elements(By.CSS_SELECTOR, ".timeline .point")
    assert len(points) == 2, len(points)
    assert points[0].find_element(By.CSS_SELECTOR, ".who").text == "local developer"
    assert points[0].find_element(By.CSS_SELECTOR, "time").get_attribute("datetime")
    assert "Berta Field" in [e.text for e in points[0].find_elements(By.TAG_NAME, "del")]
    assert "Berta Meadow" in [e.text for e in points[0].find_elements(By.TAG_NAME, "ins")]
    assert "urn:uuid" not in points[1].text and "Card" not in points[1].text, points[1].text
    page.picture("contact-light")

    points[1].find_element(By.TAG_NAME, "button").click()
    page.text_of(".banner", "As it was")
    page.text_of(".detail-name", "Berta Field")
    # Any time, any position.
    page.click(".past-picker summary")
    page.click(".past-quick button")
    page.text_of(".banner", "an hour ago")
    page.text_of(".card-part", "It was not there then")
    page.text_of(".card-part", "It was created on")
    page.click(".banner button")
    page.text_of(".detail-name", "Berta Meadow")
    page.click(".past-picker summary")
    page.write(".past-form [name=position]", str(changed["position"] - 1))
    page.press(Keys.ENTER)
    page.text_of(".detail-name", "Berta Field")
    assert "berta" not in page.driver.current_url
    # Two versions side by side.
    page.click(".compare summary")
    page.click(".compare-form button")
    cells = "[...document.querySelectorAll('.versions tbody tr')].map((row) => row.innerText).join()"
    page.until(f"{cells}.includes('Berta Field') && {cells}.includes('Berta Meadow')", "both versions")
    page.silent()


def shows_a_long_history_page_by_page(page):
    contact = page.service.native({"name": {"full": "Lara Long"}})
    for number in range(24):
        patch = {"notes": {"n": {"note": f"note {number}"}}}
        page.service.send("PATCH", f"/contacts/{contact['id']}", patch, "application/merge-patch+json")
    page.open(f"#contacts/{contact['id']}")
    page.text_of(".history", "25 changes, newest first")
    assert page.count(".timeline .point") == 20
    page.click(".history .more")
    page.until("document.querySelectorAll('.timeline .point').length === 25", "the older ones")
    assert page.run("return document.querySelector('.history .more').hidden")
    page.silent()


def keeps_filters_in_the_address(page):
    page.service.native({"name": {"full": "Zed Last"}})
    page.service.native({"name": {"full": "Abe First"}})
    page.fresh("#contacts")
    # A change alone, as some tools for the disabled tell it.
    page.run("const s = document.querySelector('#search-dialect'); s.value = 'native'; s.dispatchEvent(new Event('change', {bubbles: true}))")
    page.until("location.hash.includes('dialect=native')", "the filter is in the address")
    names = "[...document.querySelectorAll('.result-name')].map((e) => e.innerText)"
    page.click("th[data-sort=name] button")
    page.until(f"{names}[0] === 'Abe First'", "sorted by name")
    page.click("th[data-sort=name] button")
    page.until(f"{names}[0] === 'Zed Last'", "and the other way round")
    page.write("#q", "zed")
    page.until(ONE, "one is found")
    page.driver.refresh()
    page.until(ONE, "one is found")
    assert page.run("return document.querySelector('#search-dialect').value") == "native"
    assert "zed" not in page.driver.current_url.lower()
    page.click("#results a")
    page.text_of(".detail-name", "Zed Last")
    page.press(Keys.ESCAPE)
    page.until("location.hash.includes('dialect=native') && location.hash.startsWith('#contacts?')", "the filters stay")
    page.write("#q", "nobody at all")
    page.text_of("#results-empty", "Nobody found")
    page.silent()


def counts_what_matches_and_finds_a_vendors_id(page):
    page.service.batch([f"Counted {number}" for number in range(120)])
    total = page.service.send("GET", "/contacts?dialect=native&total=true&limit=1")["total"]
    counted = "document.querySelector('#search-count').textContent"
    page.fresh("#contacts?dialect=native")
    page.until(f"{counted} === '{total:,} contacts, 50 listed'", "all that match are counted")
    page.picture("counted-light")
    page.click("#more")
    page.until(f"{counted} === '{total:,} contacts, 100 listed'", "and those that are listed")
    # Where the service has not counted them, nothing is made up.
    page.bend("/contacts?", "return JSON.stringify({ ...JSON.parse(text), total: undefined })")
    page.choose("#search-sort", "created")
    page.until(f"{counted} === '50 contacts, and more'", "no number that nobody knows")
    page.unbend()
    thena = page.service.send("GET", "/contacts?dialect=thena&limit=1")["data"][0]
    page.fresh("#contacts")
    page.click("#search-more summary")
    page.write("#search-vendor-id", thena["vendorId"].lower())
    page.until(ONE, "one is found")
    page.until(f"location.hash.includes('vendor_id={thena['vendorId'].lower()}')", "it is in the address")
    page.driver.refresh()
    page.until(ONE, "one is found")
    page.one(f"#results a[data-id='{thena['id']}']")
    # A time that nobody is of, from an address that was passed on.
    page.fresh("#contacts?created_before=2000-01-01T00:00:00.000Z")
    page.text_of("#results-empty", "Nobody found")
    assert page.run("return document.querySelector('#search-created-before').value"), "the filter is shown"
    page.silent()


def watches_commands_as_they_happen(page):
    page.open("#events")
    page.text_of("#live-text", "Live")
    page.service.emnify("Carl Live", "carl@live.example")
    page.text_of("#log", "Carl Live")
    # START and outcome are one row: what, whom, by whom, how long it took.
    row = page.one("#log .event")
    for part in ("Created", "Carl Live", "emnify", "local developer", "ms"):
        assert part in row.text, (part, row.text)
    assert row.get_attribute("data-start"), "the START is in the row of its outcome"

    # Filtered by the service: what does not pass never comes.
    page.choose("#event-dialect", "native")
    page.until("!document.querySelector('#log').innerText.includes('Carl')", "the log is filtered")
    page.until("document.querySelector('#event-type').options.length < 40", "types of that dialect")
    page.text_of("#live-text", "Live")
    page.service.emnify("Dora Hidden", "dora@live.example")
    page.service.native({"name": {"full": "Eve Seen"}})
    page.text_of("#log", "Eve Seen")
    assert "Dora" not in page.one("#log").text

    # While it pauses nothing moves, and nothing is lost.
    page.click("#pause")
    before = page.one("#log").text
    page.service.native({"name": {"full": "Fay Waits"}})
    page.text_of("#live-text", "waiting")
    assert page.one("#log").text == before
    page.click("#pause")
    page.text_of("#log", "Fay Waits")
    page.picture("events-light")
    page.silent()


def has_no_gap_however_much_comes(page):
    """Each command between the newest and the oldest on the page is there, as the log has them."""
    gap = """
        const seen = [...document.querySelectorAll('#log .event')].map((row) => Number(row.dataset.sequence));
        return seen.filter((position, at) => at > 0 && seen[at - 1] - position !== 2)"""
    page.open("#stats")
    page.open("#events")
    page.text_of("#live-text", "Live")
    # More than a live page holds: what leaves it is a button away.
    # One after the other: a busy browser that had more to draw than may wait would begin anew.
    page.service.batch([f"Flood {number}" for number in range(180)])
    page.text_of("#log", "Flood 179")
    page.service.batch([f"Torrent {number}" for number in range(180)])
    page.text_of("#log", "Torrent 179")
    page.until("document.querySelectorAll('#log .event').length === 300", "the oldest leave")
    page.click("#older")
    page.until("document.querySelectorAll('#log .event').length > 300", "and come back")
    assert page.run(gap) == []
    # More than waits while it is paused.
    page.run("scrollTo(0, 0)")
    page.click("#pause")
    for flood in range(2):
        page.service.batch([f"Paused {flood}.{number}" for number in range(160)])
    page.text_of("#live-text", "more than 600 events waiting")
    page.click("#pause")
    page.text_of("#log", "Paused 1.159")
    page.click("#older")
    page.text_of("#log", "Paused 1.100")
    assert page.run(gap) == []
    page.silent()


def looks_through_the_whole_log(page):
    first = page.service.send("GET", "/events?phase=fail&limit=1")["events"][0]
    position = int(first["sequence"])
    page.service.batch([f"Many {number}" for number in range(120)])
    # Far more than a page lies before what matches.
    page.open("#events?phase=fail")
    page.one(f"#log [data-sequence='{position}']")
    page.text_of("#event-end", "No older events match")
    page.open("#events")
    page.text_of("#live-text", "Live")
    while not page.run("return document.querySelector('#older').hidden"):
        rows = page.count("#log .event")
        page.click("#older")
        page.until(f"document.querySelectorAll('#log .event').length > {rows}", "older ones come")
    page.text_of("#event-end", "the beginning of the log")
    head = page.service.send("GET", "/readyz")["position"]
    assert page.count("#log .event") == head // 2, "each command is one row"

    # Filters outlive a reload, and can be taken away.
    page.open("#events?operation=erase&phase=success")
    page.text_of("#log", "Erased")
    page.driver.refresh()
    page.text_of("#log", "Erased")
    assert page.run("return document.querySelector('#event-operation').value") == "erase"
    page.click("#event-more summary")
    page.click("#event-clear")
    page.text_of("#log", "Many 119")

    # A time, a contact, a position, a command.
    page.open(f"#events?until={first['time']}")
    page.until(f"Number(document.querySelector('#log .event')?.dataset.sequence) <= {position}", "nothing after that time")
    page.text_of("#live-text", "Up to")
    contact = page.service.named("Abe First")
    page.open(f"#contacts/{contact['id']}")
    page.click(".record a")
    page.until("document.querySelectorAll('#log .event').length === 1", "its only command")
    page.text_of("#log", "Abe First")
    page.open(f"#events/{position}")
    page.text_of(f"#log [data-sequence='{position}'] details[open]", "Belongs to")
    page.text_of("#live-text", f"At position {position}")
    rows = page.count("#log .event")
    page.click("#newer")
    page.until(f"document.querySelectorAll('#log .event').length > {rows}", "newer ones come")
    page.click(f"#log [data-sequence='{position}'] a[href^='#commands/']")
    page.text_of("#command-body", "1 refused")
    page.text_of("#command-id", first["correlationid"])
    page.open("#commands/no-such-command")
    page.text_of("#command-body", "Nothing came of it so far")
    page.open("#events/99999999")
    page.text_of("#event-notice", "There is no event")
    page.silent()


def finds_anything_by_its_id(page):
    contact = page.service.named("Berta Meadow")
    created = page.service.send("GET", f"/contacts/{contact['id']}/history")["data"][0]
    oracle = page.service.send("GET", "/contacts?dialect=oracle&limit=1")["data"][0]
    thena = page.service.send("GET", "/contacts?dialect=thena&limit=1")["data"][0]
    for text, address in (
        (contact["id"], f"#contacts/{contact['id']}"),
        ("berta@field.example", f"#contacts/{contact['id']}"),
        ("Berta Mead", f"#contacts/{contact['id']}"),
        (oracle["vendorId"].lower(), f"#contacts/{oracle['id']}"),
        (thena["vendorId"], f"#contacts/{thena['id']}"),
        (created["correlation"], f"#commands/{created['correlation']}"),
        (str(created["position"]), f"#events/{created['position']}"),
    ):
        page.open("#stats")
        page.run("document.activeElement.blur()")
        page.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.CONTROL, "k")
        page.until("document.activeElement.id === 'find-text'", "Ctrl-K")
        page.press(text)
        page.one(f"#find-results a[href='{address}']")
        page.press(Keys.ENTER)
        page.until(f"location.hash === '{address}'", f"{text} is found")
    page.click("#find-button")
    page.press("nothing at all")
    page.text_of("#find-told", "Nothing has this id")
    page.press(Keys.ESCAPE)
    page.silent()


def shows_markup_as_text(page):
    contact = page.service.native({
        "name": {"full": MARKUP},
        "emails": {"e": {"address": "x@evil.example", "label": MARKUP}},
        "notes": {"n": {"note": MARKUP}},
        "organizations": {"o": {"name": MARKUP}},
        "evil.example:x": {MARKUP: MARKUP},
        "links": {"l": {"uri": "javascript:window.ran='link'"}},
    })
    patch = {"name": {"full": MARKUP + "2"}}
    page.service.send("PATCH", f"/contacts/{contact['id']}", patch, "application/merge-patch+json")
    page.open()
    page.write("#q", "x@evil.example")
    page.until(ONE, "one is found")
    page.text_of(".result-name", "<img src=x")
    page.click("#results a")
    page.text_of(".detail-name", "</script><script>")
    page.text_of(".timeline", "onerror")
    page.click(".raw summary")
    page.click(".actions .danger")
    page.text_of("#act-dialog", "onerror")
    page.press(Keys.ESCAPE)
    assert page.count("main img, main script, [onerror]") == 0
    page.open(f"#edit/{contact['id']}")
    page.text_of("#edit-title", "onerror")
    page.open(f"#create/{MARKUP}")
    page.one(".composer")
    page.open(f"#commands/{MARKUP}")
    page.text_of("#command-id", "onerror")
    page.open("#events")
    page.text_of("#log", "<img src=x")
    page.click("#log summary")
    page.text_of("#log details[open]", "evil.example:x")
    page.silent()
    # And were the page ever careless: the browser refuses to parse text.
    refused = page.run("try { document.body.innerHTML = '<b>'; return false } catch { return true }")
    assert refused, "the policy lets text be parsed"
    page.driver.get_log("browser")  # It has told of that, as it should.


def works_by_keyboard_alone(page):
    page.service.native({"name": {"full": "Kay Board"}, "emails": {"e": {"address": "kay@board.example"}}})
    page.fresh("#contacts")
    page.one("#results a")
    page.press(Keys.TAB)
    assert page.focused() == "skip", page.focused()
    page.press(Keys.ENTER)
    page.until("document.activeElement.matches('a.result')", "the first result is one step away")
    page.press(Keys.ARROW_UP)
    page.until("document.activeElement.id === 'q'", "back up into the box")
    page.press("kay board")
    page.until(ONE, "one is found")
    page.press(Keys.ARROW_DOWN)
    assert page.focused() == "result", page.focused()
    page.press(Keys.ENTER)
    page.text_of(".detail-name", "Kay Board")
    page.until("document.activeElement.matches('.detail-name')", "the contact has the focus")
    page.tab_to(".raw summary")
    page.press(Keys.ENTER)
    page.text_of(".raw pre", "kay@board.example")
    page.press(Keys.ESCAPE)
    page.until("document.activeElement.matches('a.result')", "the focus is back in the list")
    page.until("document.querySelector('#detail').hidden", "the contact is closed")
    page.press("/")
    page.until("document.activeElement.id === 'q'", "a slash goes to the search box")
    page.fresh("#state")
    page.tab_to("#theme-button")
    page.press(Keys.ENTER)
    assert page.run("return document.documentElement.dataset.theme") == "light"
    page.press(Keys.ENTER)
    assert page.run("return getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.press(Keys.ENTER)
    page.silent()


def shows_figures_and_state(page):
    page.open("#stats")
    page.one("#stats-body .plot")
    page.open("#state")
    for told in ("Taking commands", "Not used", "Signing checkpoints", "Version", "Running for", "Free on the disk", "of 4,096", "old"):
        page.text_of("#state-body", told)
    page.until("/Root\\s+[A-Za-z0-9+/]{43}=/.test(document.querySelector('#state-body').innerText)", "the checkpoint's root")
    # Dates as the browser's reader writes them.
    for locale, form in (("de-DE", r"As of \\d\\d\\.\\d\\d\\.\\d{4}"), ("", "As of")):
        page.driver.execute_cdp_cmd("Emulation.setLocaleOverride", {"locale": locale})
        page.driver.refresh()
        page.until(f"RegExp('{form}').test(document.querySelector('#state-status').innerText)", f"dates of {locale}")


BUS = {
    "bus": "connected",
    "consumers": {"more": True, "items": [
        {"name": "analytics", "delivered": 2_000, "acknowledged": 1_990, "pending": 1_234, "unacknowledged": 10, "redelivered": 3}]},
    "deadLetters": {"more": False, "items": [
        {"sequence": 7, "time": "2026-11-21T00:35:40.526Z", "subject": f"contacts.dead.native.create.{'t' * 60}",
         "reason": "400 <img src=x onerror='window.ran = 1'>", "messageId": "order-1", "content": True},
        {"sequence": 6, "time": "2026-11-21T00:35:40.526Z", "subject": "contacts.dead.unknown", "reason": "401", "content": False}]},
}


def shows_who_reads_the_bus_and_what_could_not_be_taken(page):
    """This service has no broker, so the tables are those of an answer that is made up here."""
    page.open("#state")
    page.text_of("#state-body", "Not used")
    page.until("document.querySelector('#bus-body').childElementCount === 0", "no broker, no tables")
    for size, width in (("desk", DESK), ("phone", PHONE)):
        page.resize(width)
        page.fresh("#stats")
        page.bend("/bus", f"return {json.dumps(json.dumps(BUS))}")
        page.open("#state")
        for told in ("Who reads the events", "analytics", "1,234", "There are more than these 1", "order-1", "400 <img", "contacts.dead.unknown", "content not kept"):
            page.text_of("#bus-body", told)
        page.fits(f"the tables of the bus ({size})")
        assert not (wrong := page.violations()), wrong
        page.run("document.querySelector('#bus-body').scrollIntoView()")
        page.picture(f"bus-{size}-light")
    page.click("#bus-body button")
    page.text_of("#act-dialog", "in your name")
    page.fits("the question before a letter is sent again")
    assert not (wrong := page.violations()), wrong
    page.click("#act-dialog .primary")
    page.text_of("#act-dialog", "This service is on no message bus")
    page.press(Keys.ESCAPE)
    page.unbend()
    page.bend("/bus", """return JSON.stringify({ bus: "connected", consumers: { items: [], more: false, unread: "it is slow" },
        deadLetters: { items: [], more: false } })""")
    page.open("#stats")
    page.open("#state")
    page.text_of("#bus-body", "Not told: it is slow")
    page.text_of("#bus-body", "There is no dead letter")
    page.unbend()
    page.resize(DESK)
    page.silent()


def looks_well_everywhere(page):
    """Every view at both widths, dark and light: no wider than the window, nothing that axe-core finds wrong."""
    contact = page.service.named("Berta Meadow")["id"]
    erased = page.service.send("GET", "/events?operation=erase&phase=success&limit=1")["events"][0]
    views = {
        "list": ("#contacts?dialect=emnify", "#results a"),
        "filters": ("#contacts?dialect=emnify&updated_after=2000-01-01T00:00:00.000Z", "#search-more[open]"),
        "contact": (f"#contacts/{contact}", ".timeline .point"),
        "erased": (f"#contacts/{erased['subject']}", ".erased"),
        "events": ("#events?phase=fail", "#log .event"),
        "event": (f"#events/{int(erased['sequence'])}", "#log details[open] pre"),
        "command": (f"#commands/{erased['correlationid']}", "#command-body pre"),
        "create": ("#create/kare", ".composer"),
        "edit": (f"#edit/{contact}", ".composer"),
        "stats": ("#stats", "#stats-body .plot"),
        "state": ("#state", ".panel"),
    }
    for size, width in (("desk", DESK), ("phone", PHONE)):
        page.resize(width)
        for scheme in ("light", "dark"):
            page.scheme(scheme)
            for name, (fragment, ready) in views.items():
                page.open("#state" if name == "stats" else "#stats")
                page.open(fragment)
                page.one(ready)
                page.fits(f"{name} ({size}, {scheme})")
                page.picture(f"{name}-{size}-{scheme}")
                # What differs in the dark is the colours, and they are the same at every width.
                if scheme == "light" or size == "desk":
                    rule = "color-contrast" if scheme == "dark" else None
                    assert not (wrong := page.violations(rule)), (name, size, scheme, wrong)
            ground = page.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
            assert (int(ground) < 100) == (scheme == "dark"), (scheme, ground)
    page.scheme("light")
    page.open("#contacts")
    page.click("#find-button")
    page.fits("the box that finds")
    assert not (wrong := page.violations()), wrong
    page.press(Keys.ESCAPE)
    page.resize(DESK)


ALL = [
    finds_opens_and_sees_the_past,
    shows_a_long_history_page_by_page,
    keeps_filters_in_the_address,
    counts_what_matches_and_finds_a_vendors_id,
    watches_commands_as_they_happen,
    looks_through_the_whole_log,
    has_no_gap_however_much_comes,
    finds_anything_by_its_id,
    shows_markup_as_text,
    works_by_keyboard_alone,
    shows_figures_and_state,
    shows_who_reads_the_bus_and_what_could_not_be_taken,
    looks_well_everywhere,
]
