"""The Python client that OpenAPI Generator makes of openapi.json, against contactd with tokens.

Usage: openapi_generator.py CLIENT URL TOKEN SESSION_TOKEN
"""

import sys
import uuid

CLIENT, URL, TOKEN, SESSION = sys.argv[1:]
sys.path.insert(0, CLIENT)
import openapi_client as api  # noqa: E402

settings = api.Configuration(host=URL, access_token=TOKEN, api_key={"x-session-token": SESSION})
ECOSYSTEM, PARTICIPANT = str(uuid.uuid4()), str(uuid.uuid4())


def refused(status, call):
    """The error's body, parsed into its model."""
    try:
        call()
    except api.ApiException as error:
        assert error.status == status, error
        return error.data
    raise AssertionError(f"it is not refused with {status}")


def native(service):
    card = api.NativeCard(
        name=api.NativeName(full="Ann Example"),
        emails={"work": api.NativeEmailAddress(address="ann@example.com")},
    )
    made = service.native_create(card, tenant="acme")
    assert made.card.name.full == "Ann Example" and made.version == 1
    page = service.native_list(tenant="acme", email="ann@example.com")
    assert [one.card.name.full for one in page.data] == ["Ann Example"]
    changed = service.native_update(made.id, {"name": {"full": "Ann Other"}}, if_match='"1"')
    assert changed.card.name.full == "Ann Other" and changed.version == 2
    stale = refused(412, lambda: service.native_update(made.id, {}, if_match='"1"'))
    assert stale.code == "version_mismatch", stale
    bad = api.NativeCard(emails={"work": api.NativeEmailAddress(address="nobody")})
    wrong = refused(400, lambda: service.native_create(bad, tenant="acme"))
    assert wrong.violations[0].code == "format", wrong
    service.native_delete(made.id)
    refused(404, lambda: service.native_get(made.id))


def vendors(client):
    person = api.MattrPointOfContact(full_name="John Doe", active=True)
    made = api.MattrApi(client).mattr_create(ECOSYSTEM, PARTICIPANT, person)
    assert made.full_name == "John Doe", made

    address = api.OracleEntityAddressAssociationDto(addressPostalcode="80202")
    whole = api.OracleContactModelDto(
        contact=api.OracleContactDto(firstName="John", lastName="Doe"),
        contactAddressesDetails=[address],
    )
    assert api.OracleApi(client).oracle_create(whole).last_name == "Doe"

    new = api.EmnifyNewContact(type=api.EmnifyNewContactType(id=1), name="Jane Doe")
    api.EmnifyApi(client).emnify_create("7", new)
    listed = api.EmnifyApi(client).emnify_list("7")
    assert [one.name for one in listed] == ["Jane Doe"]

    new = api.ThenaNewContact(firstName="Ann", email="ann@example.com")
    assert api.ThenaApi(client).thena_create(new, x_org_id="acme").email == "ann@example.com"

    new = api.KareNewContact(name="Kay", phones=["+33 1 23 45 67 89"], notify=True)
    assert api.KareApi(client).kare_create(21, [new]).nb_insertion == 1


with api.ApiClient(settings) as client:
    native(api.NativeApi(client))
    vendors(client)
    position = api.ServiceApi(client).service_events(limit=1).next
    assert position == 1, position
print("OpenAPI Generator's Python client is content")
