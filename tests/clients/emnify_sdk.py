"""emnify's official Python SDK against contactd: its models build the requests and parse the
answers, its transport sends them, trades the token and walks the pages.

Usage: emnify_sdk.py APPLICATION_TOKEN ORGANISATION open|jwt, with EMNIFY_SDK_API_ENDPOINT_URL set to
http://HOST:PORT/api before Python starts, for the SDK reads it when it is imported.
"""

import sys

from emnify import EMnify
from emnify.api_manager import BaseApiManager
from emnify.errors import UnauthorisedException, ValidationErrorException
from emnify.modules.api import models

ME, ORGANISATION, MODE = sys.argv[1:]
COLLECTION = f"/v1/organisation/{ORGANISATION}/contact"


class Manager(BaseApiManager):
    """The SDK's own transport. Its version has no contacts, so the paths are said here."""

    def __init__(self, method, path, **handlers):
        self.request_method_name = method
        self.request_url_prefix = path
        named = {int(status[1:]): handler for status, handler in handlers.items()}
        self.response_handlers = BaseApiManager.response_handlers | named

    def keep_location(self, response, client, *args, **kwargs):
        assert response.json() == {}, response.text
        return response.headers["Location"]


def sent(model):
    """A model as the SDK sends it: what was not set is not there."""
    return model.dict(exclude_none=True)


def contact(name, **others):
    """A create with every field that the SDK's model requires."""
    fields = {
        "type": {"id": 1},
        "name": name,
        "title": "Ing",
        "department": "Sales",
        "street": "1st street",
        "zipcode": "10224",
        "city": "Berlin",
        "country": {"id": 74},
        "email": "user@domain.com",
        "phone": "+497 554 776 653",
        "mobile": "+497 554 776 653",
    }
    return models.CreateaContactforanOrganisationrequest(**(fields | others))


def create(client, model):
    location = Manager("post", COLLECTION, _201="keep_location").call_api(client, sent(model))
    prefix = f"/api{COLLECTION}/"
    assert location.startswith(prefix), location
    return int(location[len(prefix):])


def retrieve(client, number):
    body = Manager("get", f"{COLLECTION}/{number}").call_api(client)
    parsed = models.RetrieveaSingleContactresponse(**body)
    # What the SDK's model knows must be all there is, but for what came after the SDK.
    unknown = set(body) - set(models.RetrieveaSingleContactresponse.__fields__)
    assert unknown <= {"purchase_order_number"}, unknown
    return parsed


def expect(error, text, call):
    """Whether a call raises the SDK's own error with this text in it."""
    try:
        call()
    except error as raised:
        assert text in str(raised), raised
    else:
        raise AssertionError(f"no {error.__name__}")


def check_token_exchange(client):
    """The SDK begins without a token, is refused, trades its application token, and goes on."""
    assert client.token is None
    assert Manager("get", COLLECTION).call_api(client) == []
    assert client.token and client.token != ME
    stranger = EMnify("no token at all")
    expect(UnauthorisedException, "", lambda: Manager("get", COLLECTION).call_api(stranger))


def check_one_contact(client):
    model = contact("Marc Muller", state="BE", secondary_address="c/o Berta")
    number = create(client, model)
    read = retrieve(client, number)
    assert read.id == number
    assert str(read.organisation["id"]) == ORGANISATION
    for field, value in sent(model).items():
        shown = getattr(read, field)
        if isinstance(value, dict):
            shown = {key: shown[key] for key in value}
        assert shown == value, (field, shown, value)

    change = models.UpdateaSingleContactresponse(city="Hamburg", country={"id": 14})
    path = f"{COLLECTION}/{number}"
    assert Manager("patch", path).call_api(client, sent(change)) is True
    after = retrieve(client, number)
    assert after.city == "Hamburg" and after.country["id"] == 14
    assert after.copy(update={"city": read.city, "country": read.country}) == read

    assert Manager("delete", path).call_api(client) is True
    gone = f"Contact with id {number} not found"
    expect(ValidationErrorException, gone, lambda: retrieve(client, number))


def check_errors(client):
    """Errors are what the SDK raises, with emnify's codes in them."""
    for model, code in [
        (contact("a", email="no address"), "1403"),
        (contact("a", type={"id": 99}), "1401"),
        (contact("a", type={}), "1402"),
    ]:
        expect(ValidationErrorException, code, lambda: create(client, model))


def check_pages(client):
    numbers = [create(client, contact(f"n{i}")) for i in range(7)]
    listing = Manager("get", COLLECTION, _200="return_paginator")
    items = list(listing.call_api(client, query_params={"per_page": 3}))
    parsed = [models.RetrieveContactsforanOrganisationresponse(**item) for item in items]
    assert [item.id for item in parsed] == numbers, parsed
    assert [item.name for item in parsed] == [f"n{i}" for i in range(7)]


def check_events(client):
    path = f"/v1/organisation/{ORGANISATION}/event"
    events = Manager("get", path).call_api(client, query_params={"per_page": 5})
    assert events, "there are events"
    for event in events:
        parsed = models.EventType(**event["event_type"])
        assert parsed.id == 0 and parsed.description == "Generic", event
        assert models.EventSource(**event["event_source"]).description == "API"
        assert models.EventSeverity(**event["event_severity"]).description == "Info"


if __name__ == "__main__":
    sdk = EMnify(ME)
    if MODE == "jwt":
        check_token_exchange(sdk)
    check_one_contact(sdk)
    check_errors(sdk)
    check_pages(sdk)
    check_events(sdk)
    print("the SDK is content")
