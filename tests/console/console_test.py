"""Clicks through the console in a real Chromium, without a display.

    console_test.py OPEN_URL JWT_URL TOKENS PICTURES

OPEN_URL is a service in open mode whose log is empty, JWT_URL one that wants a token; TOKENS are its
tokens as JSON by role, all for the tenant `acme` but for `root`, an administrator of every tenant, and `dts-provider`.
Pictures of each view, dark and light, wide and narrow, are written to PICTURES. It waits for what it
expects to see, never for a time.
"""

import json
import pathlib
import sys
import time

import acting
import proving
import reading
import roles
from browser import Page, Service


def run(page, tests):
    for test, *arguments in tests:
        started = time.monotonic()
        test(page, *arguments)
        took = time.monotonic() - started
        print(f"console: {test.__name__.replace('_', ' ')}: ok ({took:.1f} s)", flush=True)


def main(open_url, jwt_url, tokens, pictures):
    pictures = pathlib.Path(pictures)
    pictures.mkdir(parents=True, exist_ok=True)
    tokens = json.loads(tokens)
    with Page(Service(open_url), pictures) as page:
        run(page, [(test,) for test in [*acting.ALL, *reading.ALL, *proving.ALL]])
    with Page(Service(jwt_url, tokens["root"]), pictures) as page:
        run(page, [
            (roles.asks_for_a_token_and_keeps_it_secret,),
            (roles.offers_what_the_role_allows, tokens),
            (roles.erases_with_a_token, tokens),
        ])


if __name__ == "__main__":
    main(*sys.argv[1:])
