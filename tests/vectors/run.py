#!/usr/bin/env python3
"""Runs request/response vectors against a running service.

    run.py --url http://127.0.0.1:PORT [--mode open|jwt] [--token-cmd 'contactd token --data-dir D'] FILE.json …

A vector: {name, dialect, mode, setup?: [{times, request}], request: {method, path, headers, body | body_raw},
expect: {status, headers?, body_equals?, body_contains?, body_shape?, body_text?, events}}.
mode: `any`, or only in `open` or `jwt` mode. `body_raw` is sent as it is. `setup` requests run first.
`events`: the types that this one request puts in the log, in order (read from GET /events).
The service must be fresh (an empty data directory) for every run in a mode: some seeds fix their own ids and e-mails.
`headers` are searched for, `{org}` and `{int}` in them match a path segment and a number; a dotted key in `body_shape` digs into objects.
Placeholders, fresh for every vector: $ECO $PART (uuid), $ORG_ID $COMPANY_ID (integer), $ORG (text), $LAST_ID (the id that
the last setup answer gave: its own, its first item's in `data`, or the last number in its `Location`); $TOKEN… and $SESSION come from --token-cmd in jwt mode and are any text in open mode.
Python's standard library only. Prints a line for each failure; exits 1 if there was one. Closing line: `N passed, N failed`.
"""
import argparse, json, random, re, shlex, subprocess, sys, urllib.request, urllib.error, uuid

ROLES = {"$TOKEN_ADMIN": "admin", "$TOKEN_DTS": "dts-provider", "$TOKEN_ISSUER": "issuer", "$TOKEN": "admin"}


def call(url, method, path, headers, body):
    req = urllib.request.Request(url + path, method=method, data=body)
    for k, v in headers.items():
        req.add_header(k, v)
    try:
        with urllib.request.urlopen(req, timeout=20) as r:
            return r.status, dict((k.lower(), v) for k, v in r.headers.items()), r.read()
    except urllib.error.HTTPError as e:
        return e.code, dict((k.lower(), v) for k, v in e.headers.items()), e.read()


SHAPES = {
    "uuid": lambda v: isinstance(v, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", v),
    "hex32": lambda v: isinstance(v, str) and re.fullmatch(r"[0-9A-F]{32}", v),
    "iso8601_ms": lambda v: isinstance(v, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", v),
    "null_or_iso8601_ms": lambda v: v is None or SHAPES["iso8601_ms"](v),
    "string": lambda v: isinstance(v, str),
    "int": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "bool": lambda v: isinstance(v, bool),
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "array<string>": lambda v: isinstance(v, list) and all(isinstance(x, str) for x in v),
}


MISSING = object()


def dig(value, path):
    """What stands at `a.b.c` in nested objects, or MISSING."""
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return MISSING
        value = value[key]
    return value


def contains(got, want, at="body"):
    """Yields what of `want` is missing in `got`; objects may hold more, arrays match item by item."""
    if isinstance(want, dict):
        if not isinstance(got, dict):
            yield f"{at}: want an object, got {got!r}"[:200]
            return
        for k, v in want.items():
            if k not in got:
                yield f"{at}.{k}: missing"
            else:
                yield from contains(got[k], v, f"{at}.{k}")
    elif isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            yield f"{at}: want {want!r}, got {got!r}"[:200]
            return
        for i, (g, w) in enumerate(zip(got, want)):
            yield from contains(g, w, f"{at}[{i}]")
    elif got != want:
        yield f"{at}: want {want!r}, got {got!r}"[:200]


def id_in(headers, body):
    """The id that an answer gives, or None."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        data = answer.get("data")
        first = data[0] if isinstance(data, list) and data else None
        for holder in (answer, first):
            if isinstance(holder, dict) and "id" in holder:
                return str(holder["id"])
    numbers = re.findall(r"\d+", headers.get("location", ""))
    return numbers[-1] if numbers else None


class Runner:
    def __init__(self, url, mode, token_cmd):
        self.url, self.mode, self.token_cmd, self.tokens = url, mode, token_cmd, {}

    def token(self, name):
        if self.mode == "open":
            return "any"
        if name not in self.tokens:
            args = ["--session"] if name == "$SESSION" else ["--role", ROLES[name], "--tenant", "*"]
            out = subprocess.run(shlex.split(self.token_cmd) + args, capture_output=True, text=True, check=True)
            self.tokens[name] = out.stdout.strip().splitlines()[-1]
        return self.tokens[name]

    def fill(self, text, values):
        for name in ["$SESSION", *sorted(ROLES, key=len, reverse=True)]:
            if name in text:
                text = text.replace(name, self.token(name))
        for name in sorted(values, key=len, reverse=True):
            text = text.replace(name, values[name])
        return text

    def send(self, request, values):
        path = self.fill(request["path"], values)
        headers = {k: self.fill(v, values) for k, v in (request.get("headers") or {}).items()}
        body = None
        if "body_raw" in request:
            body = self.fill(request["body_raw"], values).encode()
        elif "body" in request:
            body = self.fill(json.dumps(request["body"], ensure_ascii=False), values).encode()
        return call(self.url, request["method"], path, headers, body)

    def events_after(self, position):
        headers = {"Accept": "application/json"}
        if self.mode == "jwt":
            headers["Authorization"] = "Bearer " + self.token("$TOKEN")
        types = []
        while True:
            status, _, body = call(self.url, "GET", f"/events?after={position}&limit=1000", headers, None)
            assert status == 200, f"GET /events gave {status}: {body[:200]!r}"
            page = json.loads(body)
            types += [e["type"] for e in page["events"]]
            if not page["events"]:
                return types, position
            position = int(page["next"])

    def run(self, vector):
        values = {"$ECO": str(uuid.uuid4()), "$PART": str(uuid.uuid4()), "$ORG": "org" + uuid.uuid4().hex[:10],
                  "$ORG_ID": str(random.randint(10**6, 10**9)), "$COMPANY_ID": str(random.randint(10**6, 10**9)), "$LAST_ID": ""}
        for step in vector.get("setup", []):
            for _ in range(step.get("times", 1)):
                status, headers, body = self.send(step["request"], values)
                if status >= 300:
                    return [f"setup gave {status}: {body[:160]!r}"]
                values["$LAST_ID"] = id_in(headers, body) or values["$LAST_ID"]
        _, before = self.events_after(self.position)
        status, headers, body = self.send(vector["request"], values)
        types, self.position = self.events_after(before)
        want, wrong = vector["expect"], []
        if status != want["status"]:
            wrong.append(f"status: want {want['status']}, got {status}: {body[:160]!r}")
            return wrong
        for k, v in (want.get("headers") or {}).items():
            pattern = re.escape(v).replace(r"\{org\}", "[^/]+").replace(r"\{int\}", r"\d+")
            if not re.search(pattern, headers.get(k.lower(), ""), re.I):
                wrong.append(f"header {k}: want {v!r}, got {headers.get(k.lower())!r}")
        if "body_text" in want and body.decode() != want["body_text"]:
            wrong.append(f"body: want {want['body_text']!r}, got {body[:120]!r}")
        if any(k in want for k in ("body_equals", "body_contains", "body_shape")):
            try:
                got = json.loads(body)
            except ValueError:
                return wrong + [f"body is not JSON: {body[:160]!r}"]
            fill = lambda x: json.loads(self.fill(json.dumps(x), values))
            if "body_equals" in want and got != fill(want["body_equals"]):
                wrong.append(f"body: want {want['body_equals']!r}, got {got!r}"[:300])
            if "body_contains" in want:
                wrong += contains(got, fill(want["body_contains"]))
            for k, shape in (want.get("body_shape") or {}).items():
                value = dig(got, k)
                if shape == "absent":
                    if value is not MISSING:
                        wrong.append(f"body.{k}: want it absent, got {value!r}")
                elif value is MISSING or not SHAPES[shape](value):
                    wrong.append(f"body.{k}: want {shape}, got {'nothing' if value is MISSING else repr(value)}"[:200])
        if "events" in want:
            mine = [t for t in types if "_RETRIEVE_" not in t]
            if mine != want["events"]:
                wrong.append(f"events: want {want['events']}, got {mine}")
        return wrong

    position = 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--url", required=True)
    p.add_argument("--mode", choices=["open", "jwt"], default="open")
    p.add_argument("--token-cmd", default="contactd token")
    p.add_argument("--only", default="", help="run vectors whose name contains this")
    p.add_argument("files", nargs="+")
    a = p.parse_args()
    runner, passed, failed = Runner(a.url, a.mode, a.token_cmd), 0, 0
    for file in a.files:
        for vector in json.load(open(file)):
            if vector["mode"] not in ("any", a.mode) or a.only not in vector["name"]:
                continue
            try:
                wrong = runner.run(vector)
            except Exception as e:  # a refused connection, an answer that is not HTTP
                wrong = [f"{type(e).__name__}: {e}"]
            failed, passed = failed + bool(wrong), passed + (not wrong)
            for w in wrong:
                print(f"FAIL {vector['name']}: {w}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
