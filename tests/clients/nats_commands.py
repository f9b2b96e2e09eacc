"""nats-py against contactd: requests that wait for their answer, durable commands, and the events
that say how those ended.

Usage: nats_commands.py NATS_URL
"""

import asyncio
import json
import sys

import nats
from nats.errors import NoRespondersError
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

# As in emnify's documents; its ids are a part of the subject.
EMNIFY = {"type": {"id": 1}, "name": "Ann", "email": "ann@example.com"}
COMMANDS = 20
PATIENCE = 30


async def eventually(call):
    """Calls until the service has said on this broker what it serves."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        try:
            return await call()
        except (NoRespondersError, NotFoundError):
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.05)


async def ask(client, subject, body=None, headers=None):
    """A request: the status that HTTP would have, the headers, the body."""
    payload = b"" if body is None else json.dumps(body).encode()
    answer = await client.request(subject, payload, timeout=PATIENCE, headers=headers)
    content = json.loads(answer.data) if answer.data else None
    return int(answer.headers["Contact-Status"]), answer.headers, content


async def requests(client):
    """A contact's life by request and reply."""
    status, headers, body = await ask(client, "contacts.rpc.emnify.create.7", EMNIFY)
    assert (status, body) == (201, {}), (status, body)
    assert int(headers["Contact-Position"]) == 2, headers
    assert headers["Contact-Correlation"], headers

    status, _, body = await ask(client, "contacts.rpc.emnify.list.7")
    assert status == 200 and [c["name"] for c in body] == ["Ann"], body
    one = body[0]["id"]

    change = {"name": "Bob"}
    version = {"If-Match": '"1"'}
    subject = f"contacts.rpc.emnify.update.7.{one}"
    assert (await ask(client, subject, change, version))[0] == 204
    status, headers, body = await ask(client, subject, change, version)
    assert status == 412 and body["error_token"], body
    assert headers["Nats-Service-Error-Code"] == "412", headers
    assert headers["Nats-Service-Error"], headers

    status, _, body = await ask(client, f"contacts.rpc.emnify.get.7.{one}")
    assert status == 200 and body["name"] == "Bob" and body["email"] == "ann@example.com", body
    assert (await ask(client, f"contacts.rpc.emnify.delete.7.{one}"))[0] == 204
    status, _, body = await ask(client, f"contacts.rpc.emnify.get.7.{one}")
    assert status == 404 and body["error_code"] == 1201, body
    # A query goes beside the body.
    status, _, body = await ask(
        client, "contacts.rpc.emnify.list.7", headers={"Contact-Query": "page=no"}
    )
    assert status == 400, body


async def commands(client):
    """Commands that are published and left alone; their outcomes are events with their ids."""
    stream = client.jetstream()
    wanted = {f"command-{number}" for number in range(COMMANDS)}
    for correlation in sorted(wanted):
        ack = await stream.publish(
            "contacts.command.kare.create.21",
            json.dumps([{"name": correlation, "notify": True}]).encode(),
            headers={"Nats-Msg-Id": correlation},
        )
        assert ack.stream == "CONTACT_COMMANDS" and not ack.duplicate, ack
    # One that will be refused, and one that is no command at all.
    await stream.publish(
        "contacts.command.kare.create.21", b'[{"name":7}]', headers={"Nats-Msg-Id": "refused"}
    )
    await stream.publish(
        "contacts.command.kare.create.21", b"{", headers={"Nats-Msg-Id": "unreadable"}
    )

    events = await stream.subscribe(
        "contacts.event.kare.21.create.>",
        stream="CONTACT_EVENTS",
        ordered_consumer=True,
        config=ConsumerConfig(deliver_policy=DeliverPolicy.ALL),
    )
    outcomes, last = {}, 0
    while len(outcomes) < COMMANDS + 1:
        message = await events.next_msg(timeout=PATIENCE)
        event = json.loads(message.data)
        assert message.headers["Nats-Msg-Id"] == event["id"], message.headers
        assert message.headers["Content-Type"] == "application/cloudevents+json"
        assert event["specversion"] == "1.0" and int(event["sequence"]) > last, event
        last = int(event["sequence"])
        phase = message.subject.rsplit(".", 1)[1]
        assert event["type"] == f"COMPANY_CONTACT_CREATE_{phase.upper()}", event
        if phase != "start":
            assert event["correlationid"] not in outcomes, event
            outcomes[event["correlationid"]] = phase
        assert "contact" not in event["data"], "values are not published unless asked for"
    assert outcomes == {name: "success" for name in wanted} | {"refused": "fail"}, outcomes

    dead = await stream.subscribe(
        "contacts.dead.kare.create.21", stream="CONTACT_DEAD", ordered_consumer=True
    )
    letter = await dead.next_msg(timeout=PATIENCE)
    assert letter.data == b"" and letter.headers["Contact-Payload-Bytes"] == "1", "a person's data is not kept"
    assert letter.headers["Contact-Error"], letter

    _, _, body = await ask(
        client, "contacts.rpc.kare.list.21", headers={"Contact-Query": "pageSize=1000"}
    )
    assert {contact["name"] for contact in body["data"]} == wanted, body


async def main(url):
    client = await nats.connect(url, connect_timeout=PATIENCE)
    try:
        await eventually(lambda: ask(client, "contacts.rpc.emnify.list.7"))
        await requests(client)
        await eventually(lambda: client.jetstream().stream_info("CONTACT_COMMANDS"))
        await eventually(lambda: client.jetstream().stream_info("CONTACT_EVENTS"))
        await commands(client)
    finally:
        await client.close()
    print("nats-py is content")


asyncio.run(main(sys.argv[1]))
