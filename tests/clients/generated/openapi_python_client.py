"""The client that openapi-python-client makes of openapi.json, against contactd in open mode.

Usage: openapi_python_client.py CLIENT URL
"""

import sys
import uuid
from http import HTTPStatus

CLIENT, URL = sys.argv[1:]
sys.path.insert(0, CLIENT)
from contactd_client import Client, models as m  # noqa: E402
from contactd_client.api.emnify import emnify_create  # noqa: E402
from contactd_client.api.kare import kare_create  # noqa: E402
from contactd_client.api.mattr import mattr_create  # noqa: E402
from contactd_client.api.native import (  # noqa: E402
    native_create,
    native_get,
    native_list,
    native_update,
)
from contactd_client.api.oracle import oracle_create  # noqa: E402
from contactd_client.api.thena import thena_create  # noqa: E402


def native(client):
    card = m.NativeCard(name=m.NativeName(full="Ann Example"))
    made = native_create.sync(client=client, body=card, tenant="acme")
    assert made.card.name.full == "Ann Example", made
    page = native_list.sync(client=client, tenant="acme", name="ann")
    assert [one.card.name.full for one in page.data] == ["Ann Example"]
    patch = m.NativePatch.from_dict({"name": {"full": "Ann Other"}})
    changed = native_update.sync(made.id, client=client, body=patch)
    assert changed.card.name.full == "Ann Other", changed
    gone = native_get.sync_detailed(uuid.uuid4(), client=client)
    assert gone.status_code == HTTPStatus.NOT_FOUND and gone.parsed.code == "not_found", gone


def vendors(client):
    person = m.MattrPointOfContact.from_dict({"fullName": "John Doe", "active": True})
    made = mattr_create.sync(uuid.uuid4(), uuid.uuid4(), client=client, body=person)
    assert made.full_name == "John Doe", made
    body = {"contact": {"firstName": "John", "lastName": "Doe"}, "contactAddressesDetails": []}
    whole = m.OracleContactModelDto.from_dict(body)
    assert oracle_create.sync(client=client, body=whole).last_name == "Doe"
    new = m.EmnifyNewContact.from_dict({"type": {"id": 1}, "name": "Jane Doe"})
    made = emnify_create.sync_detailed("7", client=client, body=new)
    assert made.status_code == HTTPStatus.CREATED, made
    new = m.ThenaNewContact.from_dict({"firstName": "Ann", "email": "ann@example.com"})
    assert thena_create.sync(client=client, body=new, x_org_id="acme").email == "ann@example.com"
    new = m.KareNewContact(name="Kay", phones=["+33 1 23 45 67 89"], notify=True)
    assert kare_create.sync(21, client=client, body=[new]).nb_insertion == 1


with Client(base_url=URL) as client:
    native(client)
    vendors(client)
print("openapi-python-client's client is content")
