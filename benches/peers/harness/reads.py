"""What is read: contacts over HTTP, and the whole log from its first event to its last."""

import json
import signal
import statistics
import time

from .base import NATS_WHEEL, PEERS, WORK, sh
from .measure import bench
from .servers import Contactd, Nats, Postgres, Uma
from .targets import MODERN_NATS, TARGETS

COPY_ROWS = "COPY (SELECT * FROM events ORDER BY position) TO STDOUT"
COPY_JSON = "COPY (SELECT row_to_json(e) FROM events e ORDER BY position) TO STDOUT"


def curl(url):
    return sh("curl", "-sf", url, capture_output=True, text=True).stdout


class Reads:
    """Loads each service with the same number of contacts, and reads them."""

    def __init__(self, options, out):
        self.options, self.out = options, out

    def run(self):
        parts = {
            "native": self.contactd,
            "pg-many-http": self.postgres,
            "uma": self.uma,
            "js-new": self.jetstream,
            "durable": self.publisher,
        }
        for name, part in parts.items():
            if not self.options.only or name in self.options.only:
                part()

    def put(self, **line):
        print(json.dumps(line), file=self.out, flush=True)

    def load(self, server, name, clients=64):
        arguments = TARGETS[name][2](server)
        line = bench(server, name, arguments, clients=clients, count=self.options.contacts)
        self.put(**dict(line, kind="load"))

    def read(self, server, name, paths, what):
        file = WORK / f"paths-{name}"
        file.write_text("\n".join(paths))
        arguments = ["http", "--ask", "get", "--paths", file, "--to", server.to]
        options = self.options
        line = bench(server, name, arguments, clients=64, warm=options.warm, secs=options.secs)
        self.put(**dict(line, kind="read", what=what))

    def tail(self, target, command):
        """The lines a second that a shell pipeline makes, which prints their number."""
        rates = []
        for _ in range(2 if self.options.quick else 3):
            begun = time.time()
            count = int(sh("bash", "-c", command, capture_output=True, text=True).stdout.split()[0])
            rates.append(count / (time.time() - begun))
        self.put(kind="tail", target=target, n=count, rate=statistics.median(rates))

    def client_tail(self, target, *words):
        """The same, by the peer's own client library."""
        done = sh(PEERS, "tail", *words, capture_output=True, text=True)
        self.put(**dict(json.loads(done.stdout), kind="tail", target=target))

    def contactd(self):
        with Contactd() as s:
            self.load(s, "native")
            base = f"http://{s.to}"
            page, cards, cursors = json.loads(curl(f"{base}/contacts?limit=100")), [], []
            for _ in range(30):
                cards += page["data"]
                cursor = page.get("nextCursor")
                if not cursor:
                    break
                cursors.append(cursor)
                page = json.loads(curl(f"{base}/contacts?limit=100&cursor={cursor}"))
            emails = [c["card"]["emails"]["e"]["address"] for c in cards]
            words = [c["card"]["name"]["full"].split()[-1] for c in cards]
            pages = [f"/contacts?limit=20&cursor={c}" for c in cursors] or ["/contacts?limit=20"]
            self.read(s, "contactd", [f"/contacts/{c['id']}" for c in cards], "by id")
            self.read(s, "contactd", [f"/contacts?email={e}" for e in emails], "by e-mail")
            self.read(s, "contactd", pages, "page of 20")
            self.read(s, "contactd", [f"/contacts?q={w}&limit=20" for w in words], "by word of the name")
            lines = f"curl -sN '{base}/events?after=0&format=ndjson' | wc -l"
            self.tail("contactd `GET /events` NDJSON", lines)
            s.children[-1].send_signal(signal.SIGTERM)
            s.children[-1].wait(30)
            lines = f"{Contactd.binary} log export --data-dir {s.data} | wc -l"
            self.tail("contactd `log export` (offline)", lines)

    def postgres(self):
        with Postgres(True) as s:
            self.load(s, "pg-many-http")
            sh(PEERS, "schema", "pg", "--pg", s.pg, "--words", "1")
            sample = "SELECT id, email, name FROM contacts TABLESAMPLE SYSTEM (10) LIMIT 3000"
            rows = [row.split("|") for row in s.psql(sample).splitlines()]
            self.read(s, "pg-axum", [f"/contacts/{r[0]}" for r in rows], "by id")
            self.read(s, "pg-axum", [f"/contacts?email={r[1]}" for r in rows], "by e-mail")
            self.read(s, "pg-axum", [f"/contacts?after={r[0]}" for r in rows], "page of 20")
            words = [f"/contacts?q={r[2].split()[-1]}" for r in rows]
            self.read(s, "pg-axum", words, "by word of the name")
            self.tail("PostgreSQL COPY of the columns", f"psql '{s.url}' -qc '{COPY_ROWS}' | wc -l")
            self.tail("PostgreSQL COPY of row_to_json (NDJSON)", f"psql '{s.url}' -qc '{COPY_JSON}' | wc -l")

    def uma(self):
        with Uma() as s:
            self.load(s, "uma", clients=256)
            for _ in range(3):
                self.client_tail("UmaDB read (gRPC)", "uma", "--to", s.to)

    def jetstream(self):
        with Nats(MODERN_NATS, False) as s:
            self.load(s, "js-new")
            for _ in range(3):
                self.client_tail(f"JetStream {NATS_WHEEL}, ordered consumer", "jetstream", "--to", s.to)

    def publisher(self):
        """How far behind publishing is when the last create is answered, and how soon it is level."""
        with Contactd(nats=True) as s:
            self.load(s, "native")
            begun, first = time.time(), None
            while time.time() - begun < 120:
                behind = self.behind(s)
                first = behind if first is None else first
                if behind <= 0:
                    break
                time.sleep(0.1)
            self.put(kind="publisher", caught_up_s=time.time() - begun, behind=first)
            words = ["jetstream", "--to", s.bus, "--stream", "CONTACT_EVENTS"]
            self.client_tail("contactd's CONTACT_EVENTS, ordered consumer (2.9.10)", *words)

    @staticmethod
    def behind(server):
        names = ("contactd_log_position ", "contactd_bus_published_position ")
        lines = curl(f"http://{server.to}/metrics").splitlines()
        state = dict(line.split() for line in lines if line.startswith(names))
        return int(state["contactd_log_position"]) - int(state["contactd_bus_published_position"])
