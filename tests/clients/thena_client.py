"""Thena's own published Python client, unchanged, against contactd.

Usage: thena_client.py URL [TOKEN]; without a token contactd must be in open mode.
"""

import sys

import swagger_client as thena
from swagger_client.rest import ApiException

URL, *TOKEN = sys.argv[1:]
settings = thena.Configuration()
settings.host = URL
client = thena.ApiClient(settings)
client.set_default_header("x-org-id", "acme")
for token in TOKEN:
    client.set_default_header("Authorization", f"Bearer {token}")
contacts = thena.AccountsApi(client)


def refused(status, call):
    try:
        call()
    except ApiException as error:
        assert error.status == status, error
    else:
        raise AssertionError(f"it is not refused with {status}")


def new(email, **others):
    return thena.CreateCustomerContactDto(first_name="Ann", email=email, **others)


def one_contact():
    made = contacts.v1_accounts_contacts_post(
        new("ann@example.com", last_name="Example", phone_number="+1 555 0100")
    )
    assert made.first_name == "Ann" and made.email == "ann@example.com", made
    refused(409, lambda: contacts.v1_accounts_contacts_post(new("ann@example.com")))
    refused(400, lambda: contacts.v1_accounts_contacts_post(new("nobody")))
    change = thena.UpdateCustomerContactDto(last_name="Other")
    changed = contacts.v1_accounts_contacts_contact_id_put(change, made.id)
    assert changed.last_name == "Other" and changed.email == "ann@example.com", changed
    contacts.v1_accounts_contacts_contact_id_delete(made.id)
    refused(404, lambda: contacts.v1_accounts_contacts_contact_id_put(change, made.id))


def many():
    body = thena.BulkCreateCustomerContactsDto(contacts=[new("bo@example.com"), new("cy@example.com")])
    done = contacts.v1_accounts_contacts_bulk_post(body)
    assert (done.total, done.created, done.skipped) == (2, 2, 0), done
    listed = contacts.v1_accounts_contacts_get(page=1, limit=10)
    listed = listed if isinstance(listed, list) else [listed]
    assert {"bo@example.com", "cy@example.com"} == {one.email for one in listed}, listed


one_contact()
many()
print("Thena's client is content")
