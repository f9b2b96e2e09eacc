"""Clicks through the console in a real Chromium, without a display.

    console_test.py OPEN_URL JWT_URL JWT_TOKEN PICTURES

OPEN_URL is a service in open mode whose log is empty, JWT_URL one that wants JWT_TOKEN (an
administrator's). Pictures of each view, dark and light, wide and narrow, are written to PICTURES.
It waits for what it expects to see, never for a time.
"""

import json
import pathlib
import shutil
import sys
import tempfile
import urllib.error
import urllib.request

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 60
PHONE, DESK = (360, 740), (1280, 900)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
]

# A contact who hopes that somebody is careless.
MARKUP = "<img src=x onerror=\"window.ran='img'\"></script><script>window.ran='script'</script>"


class Service:
    """The service, asked as its clients do."""

    def __init__(self, url, token=None):
        self.url, self.token = url, token

    def send(self, method, path, body=None, content_type="application/json"):
        headers = {"content-type": content_type} if body is not None else {}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()}") from None
        return json.loads(text) if text else None

    def emnify(self, name, email, **more):
        contact = {"type": {"id": 6}, "name": name, "email": email, **more}
        self.send("POST", "/api/v1/organisation/org_id/contact", contact)

    def native(self, card):
        return self.send("POST", "/contacts?tenant=default", card)


class Page:
    """The console in a browser of its own."""

    def __init__(self, service, pictures):
        self.service, self.pictures = service, pictures
        self.profile = tempfile.mkdtemp(prefix="console-")
        options = webdriver.ChromeOptions()
        options.binary_location = needed("chromium")
        for flag in [*FLAGS, f"--user-data-dir={self.profile}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.ChromeService(executable_path=needed("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=driver)
        self.resize(DESK)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.picture("failed")
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, fragment=""):
        self.driver.get(f"{self.service.url}/console{fragment}")

    def resize(self, size):
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def scheme(self, name):
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def picture(self, name):
        self.driver.save_screenshot(str(self.pictures / f"{name}.png"))

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def until(self, expected, what):
        """Waits until a script's `return` is true."""
        wait = WebDriverWait(self.driver, PATIENCE, poll_frequency=0.05)
        return wait.until(lambda _: self.run(f"return {expected}"), f"never: {what}")

    def one(self, selector):
        self.until(f"document.querySelector({json.dumps(selector)})", selector)
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def click(self, selector):
        """Clicks as a person does, who aims again where the list changed under the hand."""
        wait = WebDriverWait(self.driver, PATIENCE, 0.05, [StaleElementReferenceException])
        wait.until(lambda _: self.one(selector).click() or True, selector)

    def text_of(self, selector, part):
        found = f"document.querySelector({json.dumps(selector)})?.innerText.includes({json.dumps(part)})"
        self.until(found, f"{selector} shows {part!r}")

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self):
        return self.run("const e = document.activeElement; return e.id || e.className || e.tagName")

    def tab_to(self, expected):
        """Tabs until the focus is there; every stop on the way must be seen to have it."""
        for _ in range(40):
            self.press(Keys.TAB)
            if self.focused() == "BODY":
                continue  # Past the last stop the page itself has it, before the first.
            style = self.run("const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.outlineWidth")
            assert style == "solid2px", f"the focus on {self.focused()} is not seen: {style}"
            if self.run(f"return document.activeElement.matches({json.dumps(expected)})"):
                return
        raise AssertionError(f"the keyboard never reaches {expected}")

    def fits(self, where):
        wide = self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{where} is {wide} px wider than the window"

    def requests(self):
        """The addresses asked for since the last time."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                yield message["params"]["request"]["url"]

    def silent(self):
        """Nothing that a contact holds ran, and no policy was broken, in all that was logged."""
        assert self.run("return window.ran") is None, "a contact's text has run"
        broken = [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE" and "status of 40" not in entry["message"]
        ]
        assert not broken, broken


def needed(program):
    path = shutil.which(program)
    assert path, f"{program} is missing (Debian: apt-get install chromium chromium-driver); tests/run installs it"
    return path


def finds_opens_and_sees_the_past(page):
    page.service.emnify("Berta Field", "berta@field.example", city="Dresden", phone="+49 351 1234")
    contact = page.service.send("GET", "/contacts?email=berta@field.example")["data"][0]
    path = f"/api/v1/organisation/{contact['tenant']}/contact/{contact['vendorId']}"
    page.service.send("PATCH", path, {"name": "Berta Meadow"})

    page.open()
    page.one("#q").send_keys("berta@field")
    page.text_of("#search-count", "1 contact")
    page.click(f"#results a[data-id='{contact['id']}']")
    page.text_of(".detail-name", "Berta Meadow")
    page.text_of(".groups", "berta@field.example")
    page.text_of(".badges", "emnify")
    page.click(".raw summary")
    page.text_of(".raw pre", contact["id"])

    # Newest first: who, when, and what from and to.
    page.text_of(".timeline", "Created")
    points = page.driver.find_elements(By.CSS_SELECTOR, ".timeline .point")
    assert len(points) == 2, len(points)
    assert points[0].find_element(By.CSS_SELECTOR, ".who").text
    assert points[0].find_element(By.CSS_SELECTOR, "time").get_attribute("datetime")
    assert "Berta Field" in [e.text for e in points[0].find_elements(By.TAG_NAME, "del")]
    assert "Berta Meadow" in [e.text for e in points[0].find_elements(By.TAG_NAME, "ins")]
    page.picture("contact-light")

    points[1].find_element(By.TAG_NAME, "button").click()
    page.text_of(".banner", "As it was")
    page.text_of(".detail-name", "Berta Field")
    page.click(".past-picker button")
    page.text_of(".banner", "an hour ago")
    page.text_of(".card-part", "It was not there then")
    page.click(".banner button")
    page.text_of(".detail-name", "Berta Meadow")
    assert "berta" not in page.driver.current_url
    page.silent()


def watches_events_as_they_happen(page):
    page.open("#events")
    page.text_of("#live-text", "Live")
    page.service.emnify("Carl Live", "carl@live.example")
    page.text_of("#log", "ORGANISATION_CONTACT_CREATE_SUCCESS")

    # Filtered by the service: what does not pass never comes.
    page.run("const s = document.querySelector('#event-dialect'); s.value = 'native';"
             "s.dispatchEvent(new Event('input', {bubbles: true})); s.dispatchEvent(new Event('change', {bubbles: true}))")
    page.until("!document.querySelector('#log').innerText.includes('ORGANISATION')", "the log is filtered")
    page.until("document.querySelector('#event-type').options.length < 40", "types of that dialect")
    page.text_of("#live-text", "Live")
    page.service.emnify("Dora Hidden", "dora@live.example")
    page.service.native({"name": {"full": "Eve Seen"}})
    page.text_of("#log", "CONTACT_CREATE_SUCCESS")
    assert "ORGANISATION" not in page.one("#log").text

    # While it pauses nothing moves, and nothing is lost.
    page.click("#pause")
    before = page.one("#log").text
    page.service.native({"name": {"full": "Fay Waits"}})
    page.text_of("#live-text", "waiting")
    assert page.one("#log").text == before
    page.click("#pause")
    page.until("document.querySelectorAll('#log .event').length >= 4", "what waited comes")
    page.picture("events-light")
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
    page.one("#q").send_keys("x@evil.example")
    page.text_of(".result-name", "<img src=x")
    page.click("#results a")
    page.text_of(".detail-name", "</script><script>")
    page.text_of(".timeline", "onerror")
    page.click(".raw summary")
    assert page.run("return document.querySelectorAll('main img, main script, main [onerror]').length") == 0
    page.open("#events")
    page.text_of("#log", "CONTACT_UPDATE_SUCCESS")
    page.click("#log details")
    page.text_of("#log pre", "onerror")
    page.open("#stats")
    page.text_of("#view-stats", "Statistics")
    page.silent()
    # And were the page ever careless: the browser refuses to parse text.
    refused = page.run("try { document.body.innerHTML = '<b>'; return false } catch { return true }")
    assert refused, "the policy lets text be parsed"
    page.driver.get_log("browser")  # It has told of that, as it should.


def works_by_keyboard_alone(page):
    page.service.native({"name": {"full": "Kay Board"}, "emails": {"e": {"address": "kay@board.example"}}})
    page.open()
    page.one("#results a")
    page.press(Keys.TAB)
    assert page.focused() == "skip", page.focused()
    page.press(Keys.ENTER)
    assert page.focused() == "main", page.focused()
    page.tab_to("#q")
    page.press("kay board")
    page.text_of("#search-count", "1 contact")
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
    page.text_of("#detail", "No contact chosen")
    page.press("/")
    page.until("document.activeElement.id === 'q'", "a slash goes to the search box")
    page.run("document.activeElement.blur()")
    page.open("#state")
    page.tab_to("#theme-button")
    page.press(Keys.ENTER)
    assert page.run("return document.documentElement.dataset.theme") == "light"
    page.press(Keys.ENTER)
    assert page.run("return getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.press(Keys.ENTER)
    page.silent()


def names_everything(page):
    """What has no name can't be used by those who hear the page."""
    for view in ("contacts", "events", "stats", "state"):
        page.open(f"#{view}")
        page.until(f"!document.querySelector('#view-{view}').hidden", view)
        nameless = page.run("""
            const seen = [...document.querySelectorAll('a, button, input, select')];
            const named = (e) => e.labels?.length || e.ariaLabel || e.textContent.trim();
            return seen.filter((e) => !named(e)).map((e) => e.outerHTML)""")
        assert not nameless, nameless
        headings = page.run("return [...document.querySelectorAll('h1')].filter((e) => e.checkVisibility()).length")
        assert headings == 1, (view, headings)


def shows_figures_and_state(page):
    page.open("#stats")
    page.until("document.querySelector('#stats-body .plot, #stats-body .notice')", "plots, or why there are none")
    page.open("#state")
    page.text_of("#state-body", "Writable")
    page.text_of("#state-body", "Not used")
    page.text_of("#state-body", "Sealing")
    page.until("/Root\\s+[A-Za-z0-9+/]{43}=/.test(document.querySelector('#state-body').innerText)", "the checkpoint's root")


def looks_well_everywhere(page):
    contact = page.service.send("GET", "/contacts?email=berta@field.example")["data"][0]
    views = {
        "list": ("#contacts", "#results a"),
        "contact": (f"#contacts/{contact['id']}", ".timeline .point"),
        "events": ("#events", "#log .event"),
        "stats": ("#stats", "#stats-body .plot, #stats-body .notice"),
        "state": ("#state", ".panel"),
    }
    for size, width in (("desk", DESK), ("phone", PHONE)):
        page.resize(width)
        for scheme in ("light", "dark"):
            page.scheme(scheme)
            for name, (fragment, ready) in views.items():
                page.open("#contacts" if fragment != "#contacts" else "#state")
                page.open(fragment)
                page.one(ready)
                page.fits(f"{name} ({size}, {scheme})")
                page.picture(f"{name}-{size}-{scheme}")
                ground = page.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
                assert (int(ground) < 100) == (scheme == "dark"), (scheme, ground)
    page.resize(DESK)
    page.scheme("light")


def asks_for_a_token_and_keeps_it_secret(page):
    page.service.native({"name": {"full": "Tess Token"}})
    page.open()
    page.until("document.querySelector('#token-dialog').open", "the token is asked for")
    page.picture("token-light")
    assert "Tess" not in page.driver.page_source
    page.one("#token").send_keys("not.a.token", Keys.ENTER)
    page.text_of("#token-error", "refused")
    page.one("#token").send_keys(page.service.token, Keys.ENTER)
    page.text_of("#results", "Tess Token")
    page.open("#events")
    page.text_of("#log", "CONTACT_CREATE_SUCCESS")
    page.click("#log summary")
    page.click("#log details[open] a")
    page.text_of(".detail-name", "Tess Token")

    token = page.service.token
    assert token not in page.driver.current_url
    asked = [url for url in page.requests() if not url.startswith(("data:", "chrome:"))]
    outside = [url for url in asked if not url.startswith(page.service.url)]
    assert asked and not outside, outside
    assert not any(token in url for url in asked)
    kept = page.run("return JSON.stringify(localStorage) + document.cookie")
    assert token not in kept and token not in page.driver.page_source
    page.driver.refresh()
    page.text_of(".detail-name", "Tess Token")
    page.click("#token-button")
    page.click("#token-forget")
    page.until("document.querySelector('#token-dialog').open", "once forgotten it is asked for again")
    assert page.run("return sessionStorage.length") == 0
    page.until("!document.body.innerText.includes('Tess')", "what the token showed is gone")
    page.press(Keys.ESCAPE)
    page.until("!document.querySelector('#token-dialog').open", "Esc closes")
    page.silent()


OPEN = [
    finds_opens_and_sees_the_past,
    watches_events_as_they_happen,
    shows_markup_as_text,
    works_by_keyboard_alone,
    names_everything,
    shows_figures_and_state,
    looks_well_everywhere,
]


def main(open_url, jwt_url, token, pictures):
    pictures = pathlib.Path(pictures)
    pictures.mkdir(parents=True, exist_ok=True)
    for service, tests in (
        (Service(open_url), OPEN),
        (Service(jwt_url, token), [asks_for_a_token_and_keeps_it_secret]),
    ):
        with Page(service, pictures) as page:
            for test in tests:
                test(page)
                print(f"console: {test.__name__.replace('_', ' ')}: ok", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
