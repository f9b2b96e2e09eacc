"""Creating, changing, deleting and erasing, as somebody does who sits before the page."""

import json

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

VENDORS = {"mattr": "MATTR", "oracle": "Oracle", "emnify": "emnify", "thena": "Thena", "kare": "Kare"}


def says_what_to_do_first(page):
    page.open()
    page.text_of(".welcome", "curl '")
    page.picture("empty-light")
    page.click(".welcome .primary")
    page.text_of("#create-title", "New contact")
    # What is typed above stands in the request below.
    page.write(".easy input[type=text]", "Fred First")
    page.write(".easy input[type=email]", "fred@first.example")
    assert json.loads(page.one("textarea").get_property("value")) == {
        "name": {"full": "Fred First"},
        "emails": {"work": {"address": "fred@first.example"}},
    }
    page.click(".composer .primary")
    page.text_of(".results-part", "201")
    page.until("document.querySelectorAll('.results-part .one-event').length === 2", "START and SUCCESS side by side")
    page.text_of(".results-part", "CONTACT_CREATE_SUCCESS")
    page.picture("created-light")
    page.click(".touched")
    page.text_of(".detail-name", "Fred First")
    page.silent()


def creates_in_each_vendors_own_words(page):
    for vendor in VENDORS:
        page.open(f"#create/{vendor}")
        page.text_of(".tabs [aria-current]", VENDORS[vendor])
        page.click(".composer .primary")
        page.text_of(".results-part", "_CREATE_SUCCESS")
        assert page.count(".results-part .one-event") == 2, vendor
        page.one(".touched")
    page.open("#create/thena")
    page.until("document.querySelector('.composer') && !document.querySelector('.results-part .one-event')", "a fresh form")
    page.click(".composer .primary")
    page.text_of(".results-part", "409")
    page.text_of(".results-part", "ACCOUNT_CONTACT_CREATE_FAIL")
    page.picture("refused-light")
    page.open("#create/emnify")
    page.until("document.querySelector('.composer [name=path]')?.value.includes('organisation')", "the vendor's path")
    # What never became a command says so.
    page.write("textarea", "{")
    page.click(".composer .primary")
    page.text_of(".composer .error-text", "no JSON")
    page.write("textarea", "[]")
    page.write(".composer [name=path]", "/api/v1/organisation/none/contact")
    page.click(".composer .primary")
    page.text_of(".results-part", "Nothing was recorded")
    page.silent()


def changes_through_the_right_api(page):
    contact = page.service.native({"name": {"full": "Nora Native"}, "emails": {"e": {"address": "nora@native.example"}}})
    page.open(f"#contacts/{contact['id']}")
    page.text_of(".detail-name", "Nora Native")
    page.click(".actions a")
    page.text_of("#edit-title", "Edit Nora Native")
    page.write(".easy input[type=text]", "Nora Newname")
    page.write(".easy input[type=tel]", "+49 30 55")
    page.click(".composer .primary")
    page.text_of(".results-part", "CONTACT_UPDATE_SUCCESS")
    # Only what was changed was sent, so only that was recorded.
    changes = page.service.send("GET", f"/contacts/{contact['id']}/history")["data"][-1]
    assert sorted(changes["fields"]) == ["name", "phones"], changes
    # The page still holds the version that it was opened with.
    page.click(".composer .primary")
    page.text_of(".results-part", "412")
    for vendor in VENDORS:
        contact = page.service.send("GET", f"/contacts?dialect={vendor}&sort=-created&limit=1")["data"][0]
        page.open(f"#edit/{contact['id']}")
        page.until(f"document.querySelector('.composer [name=path]')?.value.includes('{contact['vendorId']}')", f"{vendor}'s own path")
        page.click(".composer .primary")
        page.text_of(".results-part", "_UPDATE_SUCCESS")
    page.silent()


def deletes_and_says_so(page):
    contact = page.service.native({"name": {"full": "Della Leted"}})
    page.open(f"#contacts/{contact['id']}")
    page.text_of(".actions", "Delete")
    page.driver.find_elements(By.CSS_SELECTOR, ".actions button")[0].click()
    page.text_of("#act-dialog", "Delete Della Leted?")
    page.picture("delete-light")
    page.press(Keys.ESCAPE)
    page.until("!document.querySelector('#act-dialog').open", "Esc deletes nothing")
    page.driver.find_elements(By.CSS_SELECTOR, ".actions button")[0].click()
    page.click("#act-dialog .primary")
    page.text_of(".deleted", "This contact was deleted")
    page.text_of(".deleted", "local developer")
    page.click(".deleted .actions button")
    page.text_of(".detail-name", "Della Leted")
    assert page.service.ask(f"/contacts/{contact['id']}")[0] == 404
    page.silent()


def erases_and_gives_a_certificate(page):
    contact = page.service.native({"name": {"full": "Erika Rased"}, "phones": {"p": {"number": "+49 40 1"}}})
    identity = contact["id"]
    page.service.send("PATCH", f"/contacts/{identity}", {"notes": {"n": {"note": "private"}}}, "application/merge-patch+json")
    page.open(f"#contacts/{identity}")
    page.click(".actions .danger")
    page.text_of("#act-dialog", "Erase Erika Rased?")
    for removed in ("+49 40 1", "private", "2 versions hold"):
        page.text_of("#act-dialog", removed)
    page.picture("erase-light")
    page.choose("#act-dialog select", "legal")
    page.write("#act-dialog input[name=reference]", "ticket-545")
    page.click("#act-dialog .primary")
    assert page.run("return document.querySelector('#act-dialog input[type=checkbox]').matches(':invalid')"), "not without being sure"
    page.click("#act-dialog input[type=checkbox]")
    page.click("#act-dialog .primary")
    page.text_of("#act-dialog", "The personal data is gone for good")
    page.click("#act-dialog .certificate button")
    assert page.downloaded(f"erasure-{identity}.tlog-proof").startswith("c2sp.org/tlog-proof@v1\nindex ")
    page.press(Keys.ESCAPE)
    page.text_of(".erased", "This contact was erased")
    for told in ("the law demands it", "ticket-545", "local developer"):
        page.text_of(".erased", told)
    page.text_of(".timeline .erase", "ticket-545")
    # No button that can't work.
    assert "See it as it was" not in page.one("#detail").text
    assert page.count(".compare, .past-picker") == 0
    assert "Erika" not in page.one("#detail").text
    page.picture("erased-light")
    page.silent()


ALL = [
    says_what_to_do_first,
    creates_in_each_vendors_own_words,
    changes_through_the_right_api,
    deletes_and_says_so,
    erases_and_gives_a_certificate,
]
