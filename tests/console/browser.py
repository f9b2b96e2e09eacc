"""A service as its clients ask it, and the console in a browser of its own."""

import json
import pathlib
import re
import shutil
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import axe_core_python
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 60
AXE = pathlib.Path(axe_core_python.__file__).with_name("axe.min.js").read_text()
PHONE, DESK = (390, 844), (1440, 900)
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

    def ask(self, path):
        """Status and text of a request that may be refused."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(urllib.request.Request(self.url + path, headers=headers), timeout=PATIENCE) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def batch(self, names):
        """Creates many contacts by one command."""
        operations = [{"op": "create", "card": {"name": {"full": name}}} for name in names]
        return self.send("POST", "/contacts/batch?tenant=default", {"operations": operations})

    def sealed(self):
        """Waits until the checkpoint covers all that is recorded; gives its size."""
        head = self.send("GET", "/readyz")["position"]
        while (size := int(self.ask("/audit/checkpoint")[1].split("\n")[1])) < head:
            time.sleep(0.05)
        return size

    def emnify(self, name, email, **more):
        contact = {"type": {"id": 6}, "name": name, "email": email, **more}
        self.send("POST", "/api/v1/organisation/1/contact", contact)

    def native(self, card, tenant="default"):
        return self.send("POST", f"/contacts?tenant={tenant}", card)

    def named(self, name):
        """The only contact that has this name."""
        found = self.send("GET", "/contacts?" + urllib.parse.urlencode({"name": name}))["data"]
        assert len(found) == 1, (name, found)
        return found[0]


class Page:
    """The console in a browser of its own."""

    def __init__(self, service, pictures):
        self.service, self.pictures = service, pictures
        self.profile = tempfile.mkdtemp(prefix="console-")
        self.downloads = pathlib.Path(self.profile, "downloads")
        options = webdriver.ChromeOptions()
        options.binary_location = needed("chromium")
        for flag in [*FLAGS, f"--user-data-dir={self.profile}"]:
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"download.default_directory": str(self.downloads)})
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

    def fresh(self, fragment=""):
        """Opens the page as a new tab does, which remembers no search."""
        self.open(fragment)
        self.run("sessionStorage.clear()")
        self.driver.refresh()

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

    def downloaded(self, name):
        """The text of a file that the page gave to the reader."""
        path = self.downloads / name
        WebDriverWait(self.driver, PATIENCE, 0.05).until(lambda _: path.exists(), f"never downloaded: {name}")
        return path.read_text()

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

    def choose(self, selector, value):
        """Chooses in a list as a browser does, which tells of it by `input` and `change`."""
        self.one(selector)
        self.run("const e = document.querySelector(arguments[0]); e.value = arguments[1];"
                 "for (const kind of ['input', 'change']) e.dispatchEvent(new Event(kind, {bubbles: true}))", selector, value)

    def write(self, selector, text):
        """Writes into a field in place of what it holds."""
        field = self.one(selector)
        field.clear()
        field.send_keys(text)

    def gone(self, selector):
        self.until(f"!document.querySelector({json.dumps(selector)})", f"no {selector}")

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def bend(self, path, script):
        """From now on what the page fetches from a path is changed by a script, which has its `text`."""
        self.run("""
            const [path, change] = arguments;
            const real = window.realFetch ??= window.fetch;
            window.fetch = async (address, options) => {
              const answer = await real(address, options);
              if (!String(address).includes(path) || !answer.ok) return answer;
              const bytes = new Uint8Array(await answer.arrayBuffer());
              const text = String.fromCharCode(...bytes);
              const bent = Function('text', change)(text);
              return new Response(Uint8Array.from(bent, (letter) => letter.charCodeAt(0)), { status: answer.status });
            };""".replace("Function('text', change)(text)", f"((text) => {{ {script} }})(text)"), path)

    def unbend(self):
        self.run("window.fetch = window.realFetch ?? window.fetch")

    def violations(self, only=None):
        """What axe-core finds wrong with the page as it stands, by all its rules or by one."""
        if not self.run("return Boolean(window.axe)"):
            self.run(AXE)
        return self.driver.execute_async_script("""
            const [only, done] = arguments;
            const options = { resultTypes: ["violations"], elementRef: false, ...(only && { runOnly: [only] }) };
            axe.run(document, options).then(({ violations }) =>
              done(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))])))""", only)

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
            if entry["level"] == "SEVERE" and not re.search("status of (4|503)", entry["message"])
        ]
        assert not broken, broken


def needed(program):
    path = shutil.which(program)
    assert path, f"{program} is missing (Debian: apt-get install chromium chromium-driver); tests/run installs it"
    return path
