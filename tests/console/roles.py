"""Where tokens are asked for: what each role is offered, and that a token stays secret."""

from selenium.webdriver.common.keys import Keys


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
    page.text_of("#log", "Tess Token")
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


def becomes(page, token):
    """Goes on with another token."""
    page.run("sessionStorage.setItem('contactd-token', arguments[0])", token)
    page.driver.refresh()


def offers_what_the_role_allows(page, tokens):
    contact = page.service.native({"name": {"full": "Role Model"}}, "acme")
    mine = f"#contacts/{contact['id']}"
    page.open(mine)
    for role, shown in (("contacts:read", []), ("contacts:write", None), ("both", ["Edit", "Delete"]), ("admin", ["Edit", "Delete", "Erase"])):
        becomes(page, tokens[role])
        if shown is None:
            # It may write and not read: the form is there, and what it makes is not shown.
            page.open("#create")
            page.text_of(".tabs", "Thena")
            assert "MATTR" not in page.one(".tabs").text
            page.until("document.querySelector('.composer [name=path]').value.includes('tenant=acme')", "the token's own tenant")
            page.click(".composer .primary")
            page.text_of(".results-part", "_CREATE_SUCCESS")
            # A vendor that wants a second token refuses in its own words.
            page.open("#create/kare")
            page.until("document.querySelector('.composer [name=path]').value.includes('companies')", "the vendor's path")
            page.click(".composer .primary")
            page.text_of(".results-part", "refused")
            page.text_of(".results-part", "Nothing was recorded")
            assert not page.run("return document.querySelector('#token-dialog').open")
            page.open(mine)
            page.text_of("#detail", "This token may not do this")
            continue
        page.text_of(".detail-name", "Role Model")
        buttons = page.run("return [...document.querySelectorAll('.actions :is(a, button)')].map((e) => e.innerText)")
        assert buttons == shown, (role, buttons)
        assert page.run("return document.querySelector('#new-contact').hidden") == (shown == [])

    # The provider of digital trust writes MATTR's contacts and no others.
    becomes(page, tokens["dts-provider"])
    page.text_of("#detail", "This token may not do this")
    page.open("#create")
    page.text_of(".tabs", "MATTR")
    assert page.count(".tabs a") == 1
    page.click(".composer .primary")
    page.text_of(".results-part", "ECOSYSTEM_PARTICIPANT_CONTACT_CREATE_SUCCESS")
    page.open(mine)

    # The auditor reads events without names, and checks them.
    becomes(page, tokens["auditor"])
    page.text_of("#detail", "This token may not do this")
    page.open("#events")
    page.text_of("#log", "Created")
    assert "Role Model" not in page.one("#log").text
    page.click("#log summary")
    page.click("#log .verify")
    page.text_of(".proved", "Verified in this browser")
    # A tenant's auditor may not read the bytes of everybody's entries.
    page.text_of(".checks", "may not read the entry's bytes")
    becomes(page, tokens["contacts:read"])
    page.text_of("#event-notice", "This token may not do this")
    page.picture("forbidden-light")
    page.silent()


def erases_with_a_token(page, tokens):
    contact = page.service.named("Role Model")
    becomes(page, tokens["admin"])
    page.open(f"#contacts/{contact['id']}")
    page.click(".actions .danger")
    page.click("#act-dialog input[type=checkbox]")
    page.click("#act-dialog .primary")
    page.click("#act-dialog .certificate button")
    proof = page.downloaded(f"erasure-{contact['id']}.tlog-proof")
    assert proof.startswith("c2sp.org/tlog-proof@v1\n"), proof
    page.press(Keys.ESCAPE)
    page.text_of(".erased", "the person asked for it")
    page.silent()
