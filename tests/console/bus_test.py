"""Clicks through what the console shows of a real message bus: who reads it, and what could not be taken.

    bus_test.py URL TOKEN PICTURES

URL is a service that is on a bus and wants tokens, TOKEN one of an administrator of every tenant. The
events have one consumer, `analytics`, and a durable command `order-1` came without a token.
"""

import json
import pathlib
import sys
import time

from browser import Page, Service
from roles import becomes


def look_at_the_bus(page):
    page.open("#stats")
    page.open("#state")
    page.one("#bus-body table")


def sends_a_letter_again(page):
    page.open()
    becomes(page, page.service.token)
    while not json.loads(page.service.ask("/bus")[1])["deadLetters"]["items"]:
        time.sleep(0.05)
    look_at_the_bus(page)
    for told in ("analytics", "order-1", "contacts.dead.native.create.acme"):
        page.text_of("#bus-body", told)
    page.text_of("#bus-body", "token")
    page.picture("bus-real-light")
    page.click("#bus-body button")
    page.text_of("#act-dialog", "in your name")
    page.click("#act-dialog .primary")
    page.text_of("#act-dialog", "It is message")
    while page.service.ask("/commands/order-1")[0] != 200:
        time.sleep(0.05)
    page.click("#act-dialog a")
    page.text_of("#command-body", "CONTACT_CREATE_SUCCESS")
    page.open("#contacts")
    page.text_of("#results", "Dead Letter")
    # Both events wait for the consumer, which has fetched nothing.
    waiting = "document.querySelector('#bus-body tbody td.amount')?.innerText"
    while json.loads(page.service.ask("/bus")[1])["consumers"]["items"][0]["pending"] < 2:
        time.sleep(0.05)
    look_at_the_bus(page)
    page.until(f"{waiting} === '2'", "how far the consumer is behind")
    page.picture("bus-sent-again-light")
    page.silent()


def main(url, token, pictures):
    pictures = pathlib.Path(pictures)
    pictures.mkdir(parents=True, exist_ok=True)
    with Page(Service(url, token), pictures) as page:
        sends_a_letter_again(page)
    print("console: sends a letter again: ok", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
