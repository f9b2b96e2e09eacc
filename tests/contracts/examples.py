"""The examples of openapi.json: real requests to a running service, and its real answers.

    examples.py record URL FILE    sends every request below and writes what was answered
    examples.py check URL FILE     sends them again: the same statuses, answers of the same form

The service must be new and in open mode. Each operation has a request that succeeds and one that
is refused; an example's body must be valid by the schema that it is an example of.
"""
import json
import os
import re
import sys
import urllib.error
import urllib.request

from check import Documents

ECOSYSTEM = "87880d7e-a4d0-462e-8383-3f1e5e16865d"
PARTICIPANT = "a24e391a-c27f-4b6e-9805-1ee7e03f3c58"
NOBODY = "01980000-0000-7000-8000-000000000000"
ORACLE_NOBODY = "C36A3197FDEE433FB5547EE83DE99E4B"
FOREIGN = {"Origin": "https://elsewhere.example"}
# Answers that are no example: pages, the documents themselves, hashes, and those that need a witness or a broker.
WITHOUT_ANSWER = {
    "serviceConsole", "serviceConsoleFile", "serviceDocs", "serviceProblems", "serviceProblem",
    "serviceBusResend", "serviceCluster", "serviceClusterYield",
    "serviceClusterReseed", "serviceClusterForget", "serviceOpenapi", "serviceAsyncapi", "serviceSchema", "serviceAuditTile", "serviceAuditCosign",
}
TEXT_MAX = 600

CARD = {
    "name": {"full": "Ann Example"},
    "emails": {"work": {"address": "ann@example.com"}},
    "phones": {"mobile": {"number": "+1 555 0100"}},
    "organizations": {"acme": {"name": "Acme Corporation"}},
}
BAD_CARD = {"emails": {"work": {"address": "nobody"}}}
MATTR = {
    "fullName": "John Doe",
    "active": True,
    "emailAddress": "john.doe@example.com",
    "primaryPhoneNumber": "+64 21 123 4567",
}
ORACLE = {
    "contact": {"firstName": "John", "lastName": "Doe", "degree": "MD", "taxId": "TAX-123"},
    "contactAddressesDetails": [
        {"addressStreet1": "1 Main St", "addressCity": "Denver", "addressPostalcode": "80202"}
    ],
}
EMNIFY = {
    "type": {"id": 1},
    "name": "Marc Muller",
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
THENA = {
    "firstName": "John",
    "lastName": "Doe",
    "email": "john.doe@example.com",
    "phoneNumber": "+1234567890",
    "contactType": "CT123",
    "avatarUrl": "https://example.com/avatar.png",
    "accountIds": ["A123", "A456"],
}
KARE = [
    {
        "name": "Company Contact Name",
        "notify": True,
        "email": "example@email.com",
        "phones": ["phone1", "phone2"],
        "comment": "Company contact comment",
    }
]

DOCUMENT = os.path.join(os.path.dirname(__file__), "..", "..", "schemas", "openapi.json")
# What a path's parameters are unless a step says otherwise.
PATH = {"ecosystemId": ECOSYSTEM, "participantId": PARTICIPANT, "org_id": "my", "companyId": 1}


def step(operation, status, path=None, query="", body=None, headers=None, keep=None):
    return operation, status, path or {}, query, body, headers or {}, keep


def steps(kept):
    """Each request with the status that it must get; `kept` has what earlier answers gave."""
    one = lambda: {"id": kept["native"]}
    nobody = {"id": NOBODY}
    body_id = lambda name: lambda answer, _: kept.update({name: answer["id"]})
    location = lambda _, headers: kept.update(emnify=int(headers["location"].split("/")[-1]))

    made = lambda answer, headers: kept.update(
        native=answer["id"], correlation=headers["contact-correlation"]
    )
    yield step("nativeCreate", 201, body=CARD, keep=made)
    yield step("nativeCreate", 400, body=BAD_CARD)
    yield step("nativeUpsert", 200, query="match=email", body=CARD)
    yield step("nativeUpsert", 400, query="match=email", body={"name": {"full": "Ann Example"}})
    batch = [
        {"op": "create", "card": {"name": {"full": "Bo Example"}}},
        {"op": "update", "id": kept["native"], "patch": {"language": "en"}},
        {"op": "delete", "id": NOBODY},
    ]
    yield step("nativeBulk", 200, body={"operations": batch})
    yield step("nativeBulk", 400, body={"operations": {}})
    yield step("nativeList", 200, query="email=ann@example.com")
    yield step("nativeList", 400, query="limit=0")
    yield step("nativeGet", 200, one())
    yield step("nativeGet", 404, nobody)
    patch = {"name": {"full": "Ann Other"}, "phones": None}
    yield step("nativeUpdate", 200, one(), body=patch)
    yield step("nativeUpdate", 404, nobody, body=patch)
    yield step("nativeHistory", 200, one(), query="limit=2")
    yield step("nativeHistory", 404, nobody)
    yield step("nativeDiff", 200, one())
    yield step("nativeDiff", 404, nobody)
    yield step("nativeChanges", 200, query="limit=1")
    yield step("nativeChanges", 400, query="after=yesterday")

    yield step("mattrCreate", 201, body=MATTR, keep=body_id("mattr"))
    yield step("mattrCreate", 400, body={"active": True})
    mattr = lambda: {"contactId": kept["mattr"]}
    nobody_there = {"contactId": NOBODY}
    yield step("mattrList", 200, query="limit=2")
    yield step("mattrList", 400, query="limit=0")
    yield step("mattrGet", 200, mattr())
    yield step("mattrGet", 404, nobody_there)
    yield step("mattrUpdate", 200, mattr(), body={**MATTR, "active": False})
    yield step("mattrUpdate", 404, nobody_there, body=MATTR)
    yield step("mattrEvents", 200, query="limit=2")
    yield step("mattrEvents", 400, query="limit=0")
    yield step("mattrEventTypes", 200)
    yield step("mattrEventTypes", 400, headers={"Contact-Min-Position": "soon"})
    yield step("mattrDelete", 204, mattr())
    yield step("mattrDelete", 404, nobody_there)

    yield step("oracleCreate", 200, body=ORACLE, keep=body_id("oracle"))
    yield step("oracleCreate", 400, body={"contact": ORACLE["contact"]})
    oracle = lambda: {"contactId": kept["oracle"]}
    yield step("oracleGet", 200, oracle())
    yield step("oracleGet", 404, {"contactId": ORACLE_NOBODY})
    changed = {**ORACLE, "contact": {**ORACLE["contact"], "degree": "PhD"}}
    yield step("oracleUpdate", 200, oracle(), body=changed)
    yield step("oracleUpdate", 404, {"contactId": ORACLE_NOBODY}, body=changed)
    yield step("oracleList", 200, query="limit=2")
    yield step("oracleList", 400, query="order=upwards")
    yield step("oracleHistory", 200, oracle())
    yield step("oracleHistory", 404, {"contactId": ORACLE_NOBODY})

    yield step("emnifyCreate", 201, body=EMNIFY, keep=location)
    yield step("emnifyCreate", 422, body={"name": "Marc Muller"})
    emnify = lambda: {"contact_id": kept["emnify"]}
    yield step("emnifyList", 200, query="per_page=2")
    yield step("emnifyList", 422, query="q=shoe:44")
    yield step("emnifyGet", 200, emnify())
    yield step("emnifyGet", 404, {"contact_id": 999999})
    yield step("emnifyUpdate", 204, emnify(), body={"city": "Hamburg", "state": None})
    yield step("emnifyUpdate", 404, {"contact_id": 999999}, body={"city": "Hamburg"})
    yield step("emnifyEvents", 200, query="per_page=2")
    yield step("emnifyEvents", 403, headers=FOREIGN)
    yield step("emnifyAuthenticate", 200, body={"application_token": "eyJhbGciOiJFZERTQSJ9…"})
    yield step("emnifyAuthenticate", 422, body={})
    yield step("emnifyDelete", 204, emnify())
    yield step("emnifyDelete", 404, {"contact_id": 999999})

    yield step("thenaCreate", 201, body=THENA, keep=body_id("thena"))
    yield step("thenaCreate", 409, body=THENA)
    thena = lambda: {"contactId": kept["thena"]}
    no_ulid = {"contactId": "01J00000000000000000000000"}
    yield step("thenaList", 200, query="page=1&limit=2")
    yield step("thenaList", 400, query="page=0")
    yield step("thenaSearch", 200, query="email=john.doe@example.com")
    yield step("thenaSearch", 400)
    yield step("thenaFilter", 201, body={"ids": [kept["thena"]]})
    yield step("thenaFilter", 400, body={"ids": "all"})
    many = [{"firstName": "Ann", "email": "ann@example.com"}]
    yield step("thenaBulk", 201, body={"contacts": many, "accountIds": ["A123"]})
    yield step("thenaBulk", 400, body={"contacts": []})
    ingested = {"users": [{**many[0], "lastName": "Example"}], "sinkSource": "SLACK"}
    yield step("thenaIngest", 200, body=ingested)
    yield step("thenaIngest", 400, body={"users": many, "sinkSource": "pigeon"})
    yield step("thenaUpdate", 200, thena(), body={"lastName": "Smith"})
    yield step("thenaUpdate", 404, no_ulid, body={"lastName": "Smith"})
    yield step("thenaDelete", 204, thena())
    yield step("thenaDelete", 404, no_ulid)

    yield step("kareCreate", 201, body=KARE)
    yield step("kareCreate", 400, body=[{"name": "Company Contact Name"}])
    listed = lambda answer, _: kept.update(kare=answer["data"][0]["id"])
    yield step("kareList", 200, query="page=1&pageSize=2", keep=listed)
    yield step("kareList", 400, query="page=0")
    kare = lambda: {"contactId": kept["kare"]}
    yield step("kareUpdate", 200, kare(), body={"notify": False})
    yield step("kareUpdate", 404, {"contactId": 999999}, body={"notify": False})
    yield step("kareDelete", 204, kare())
    yield step("kareDelete", 404, {"contactId": 999999})

    yield step("nativeErase", 200, one(), body={"reason": "request", "reference": "ticket-545"})
    yield step("nativeErase", 400, one(), body={"reason": "gdpr"})
    yield step("nativeDelete", 204, {"id": kept["native2"]})
    yield step("nativeDelete", 404, {"id": NOBODY})

    yield step("serviceEvents", 200, query="limit=2")
    yield step("serviceEvents", 400, query="limit=0")
    yield step("serviceCommand", 200, {"correlation": kept["correlation"]})
    yield step("serviceCommand", 404, {"correlation": "none"})
    yield step("serviceStats", 200, query="hours=1")
    yield step("serviceStats", 400, query="hours=0")
    yield step("serviceBus", 200)
    yield step("serviceBus", 403, headers=FOREIGN)
    yield step("serviceBusResend", 404, {"sequence": 1})
    yield step("serviceCluster", 404)
    yield step("serviceClusterYield", 404)
    yield step("serviceClusterReseed", 404, body={"acceptLoss": True})
    yield step("serviceClusterForget", 404, body={"node": "c"})
    yield step("serviceRebuild", 202, {"name": "search"})
    yield step("serviceRebuild", 404, {"name": "weather"})
    keep_note = lambda answer, _: kept.update(note=answer)
    yield step("serviceAuditProof", 200, {"position": 2})
    yield step("serviceAuditProof", 400, {"position": 999999})
    yield step("serviceAuditCheckpoint", 200, keep=keep_note)
    yield step("serviceAuditCosign", 400, body=kept["note"])
    yield step("serviceAuditTile", 404, {"path": "9/999"})
    yield step("serviceConsoleFile", 404, {"name": "none.js"})
    yield step("serviceSchema", 404, {"file": "none.json"})
    yield step("serviceProblem", 404, {"code": "none"})
    for name in ("AuditCheckpoint", "AuditKey", "Healthz", "Readyz", "Metrics"):
        if name != "AuditCheckpoint":
            yield step(f"service{name}", 200)
        yield step(f"service{name}", 403, headers=FOREIGN)
    for name in ("Console", "Docs", "Problems", "Openapi", "Asyncapi"):
        yield step(f"service{name}", 403, headers=FOREIGN)


class Recorder:
    def __init__(self, url):
        self.url = url
        # That of the repository, so that a new route's examples can be recorded at once.
        with open(DOCUMENT, encoding="utf-8") as document:
            self.documents = Documents(url, json.load(document))
        self.operations = {
            operation["operationId"]: (method, path, operation)
            for path, item in self.documents.open["paths"].items()
            for method, operation in item.items()
        }
        self.examples = {}

    def send(self, operation, path, query, body, headers):
        method, template, told = self.operations[operation]
        wanted = re.findall(r"\{([^}]+)\}", template)
        used = {name: path.get(name, PATH.get(name)) for name in wanted}
        for name, value in used.items():
            template = template.replace(f"{{{name}}}", str(value))
        request = urllib.request.Request(
            self.url + template + (f"?{query}" if query else ""), method=method.upper()
        )
        for name, value in headers.items():
            request.add_header(name, value)
        if body is not None:
            request.add_header("Content-Type", next(iter(told["requestBody"]["content"])))
            request.data = (body if isinstance(body, str) else json.dumps(body)).encode()
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        return answer.status, answer.headers, answer.read(), used

    def run(self):
        kept = {"native": NOBODY, "native2": NOBODY, "thena": "", "note": ""}
        for operation, status, path, query, body, headers, keep in steps(kept):
            if operation == "nativeDelete" and status == 204:
                _, _, made, _ = self.send("nativeCreate", {}, "", CARD, {})
                path = {"id": json.loads(made)["id"]}
            got, answered, raw, used = self.send(operation, path, query, body, headers)
            assert got == status, f"{operation}: {got} and not {status}: {raw[:300]}"
            media_type = (answered["content-type"] or "").split(";")[0]
            answer = json.loads(raw) if media_type.endswith("json") else raw.decode()
            if keep:
                keep(answer, answered)
            self.note(operation, status, used, body, media_type, answer, query)

    def note(self, operation, status, path, body, media_type, answer, query):
        example = self.examples.setdefault(operation, {"responses": {}})
        succeeds = status < 300
        if succeeds or "parameters" not in example:
            required = {
                name: value
                for name, value in (pair.split("=", 1) for pair in query.split("&") if pair)
                if any(
                    one.get("name") == name and one["required"]
                    for one in self.operations[operation][2]["parameters"]
                )
            }
            example["parameters"] = {**path, **required}
        if body is not None and (succeeds or operation in WITHOUT_ANSWER):
            example["request"] = body
        if answer != "" and not (succeeds and operation in WITHOUT_ANSWER):
            if isinstance(answer, str) and len(answer) > TEXT_MAX:
                answer = answer[: answer.rindex("\n", 0, TEXT_MAX) + 1]
            example["responses"][str(status)] = {media_type: answer}

    def faults(self):
        """What is missing, and what is not valid by its own schema."""
        for name, (_, _, operation) in self.operations.items():
            example = self.examples.get(name, {"responses": {}})
            statuses = [int(status) for status in example["responses"]]
            bodies = [
                int(status)
                for status, told in operation["responses"].items()
                if int(status) < 300 and "content" in told
            ]
            if "requestBody" in operation and "request" not in example:
                yield f"{name}: no request"
            if bodies and name not in WITHOUT_ANSWER and not any(one < 300 for one in statuses):
                yield f"{name}: no answer that is a success"
            if not any(one >= 400 for one in statuses):
                yield f"{name}: no error"
            content = operation.get("requestBody", {}).get("content", {})
            yield from self.invalid(name, content, example.get("request"))
            for status, answers in example["responses"].items():
                content = operation["responses"].get(status, {}).get("content", {})
                for media_type, answer in answers.items():
                    if media_type not in content:
                        yield f"{name}: {status} in {media_type} is not described"
                    yield from self.invalid(name, content, answer)

    def invalid(self, name, content, value):
        schema = next((media["schema"] for media in content.values()), None)
        if schema and value is not None and not isinstance(value, str):
            for wrong in self.documents.wrong(self.documents.open, schema, value):
                yield f"{name}: {wrong}"


def form(value):
    """What stays the same however often it is asked: names and types."""
    if isinstance(value, dict):
        return {name: form(one) for name, one in value.items()}
    if isinstance(value, list):
        return [form(value[0])] if value else []
    return "" if isinstance(value, str) else type(value).__name__


def main(command, url, file):
    recorder = Recorder(url)
    recorder.run()
    faults = list(recorder.faults())
    text = json.dumps(recorder.examples, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if command == "record":
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)
    else:
        with open(file, encoding="utf-8") as committed:
            old = json.load(committed)
        now = json.loads(text)
        for name in sorted(set(old) | set(now)):
            if form(old.get(name)) != form(now.get(name)):
                faults.append(f"{name}: the service now answers otherwise; UPDATE_EXAMPLES=1 records it")
    for fault in faults:
        print(fault)
    print(f"{len(recorder.examples)} operations with examples, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
