"""The servers: each on a fresh directory, stopped and removed at the end."""

import os
import shutil
import signal
import socket
import subprocess
import time

from .base import PEERS, WORK, sh
from .install import pg_bin


def port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """Processes on a fresh directory; stopped and removed at the end."""

    def __init__(self):
        self.dir = WORK / "data" / f"{os.getpid()}-{time.time_ns()}"
        self.dir.mkdir(parents=True)
        self.children = []

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.send_signal(self.signal)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    signal = signal.SIGKILL  # the data is thrown away

    @property
    def watch(self):
        return ",".join(str(c.pid) for c in self.children)

    def spawn(self, words, wait=None, env=None, patience=30, **more):
        """Starts a process, and waits at most so many seconds until it listens."""
        log = open(self.dir / f"log{len(self.children)}", "wb")
        child = subprocess.Popen(
            [str(w) for w in words], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env, **more
        )
        self.children.append(child)
        for _ in range(20 * patience):
            text = (self.dir / f"log{len(self.children) - 1}").read_text(errors="replace")
            if child.poll() is not None:
                raise RuntimeError(f"{words[0]} ended: {text[-2000:]}")
            if isinstance(wait, int):
                with socket.socket() as s:
                    if s.connect_ex(("127.0.0.1", wait)) == 0:
                        return
            elif "listening on http://" in text:
                return text.split("listening on http://")[1].split()[0]
            time.sleep(0.05)
        raise RuntimeError(f"{words[0]} does not listen: {text[-2000:]}")


def nats_config(directory, number, sync):
    """A server's file; `always`: every message is synced before it is acknowledged (server 2.10 or later)."""
    file = directory / "nats.conf"
    file.write_text(
        f'listen: "127.0.0.1:{number}"\njetstream {{ store_dir: "{directory}/js"\n{"sync_interval: always" if sync else ""}\n'
        + (
            "limits { batch { max_inflight_per_stream: 1000, max_inflight_total: 1000 } }\n"
            if sync is not None
            else ""
        )
        + "}\n"
    )
    return file


class Nats(Server):
    def __init__(self, binary, sync):
        super().__init__()
        self.binary, self.sync = binary, sync

    def start(self):
        self.port = port()
        self.spawn([self.binary, "-c", nats_config(self.dir, self.port, self.sync)], self.port)
        self.to = f"nats://127.0.0.1:{self.port}"


class Contactd(Server):
    # The binary, which `run` sets.
    binary = "contactd"

    def __init__(self, nats=False, jwt=False):
        super().__init__()
        self.nats, self.jwt = nats, jwt

    def start(self):
        more = []
        if self.nats:
            number = port()
            self.spawn(["nats-server", "-c", nats_config(self.dir, number, None)], number)
            self.bus = f"nats://127.0.0.1:{number}"
            more += ["--nats-url", self.bus]
        if self.jwt:
            more += ["--auth", "jwt"]
        self.data = self.dir / "data"
        self.to = self.spawn([self.binary, "--data-dir", self.data, "--listen", "127.0.0.1:0", *more])
        if self.jwt:
            words = [
                self.binary,
                "token",
                "--role",
                "contacts:write",
                "--tenant",
                "default",
                "--ttl",
                "1h",
                "--data-dir",
                self.data,
            ]
            self.token = sh(*words, capture_output=True, text=True).stdout.split()[-1]
        if self.nats:
            for _ in range(100):
                if (
                    subprocess.run(
                        ["curl", "-sf", f"http://{self.to}/readyz"], capture_output=True
                    ).returncode
                    == 0
                ):
                    break
                time.sleep(0.1)


AS_POSTGRES = (
    ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.geteuid() == 0 else []
)


class Postgres(Server):
    """Durable as it comes (fsync, synchronous_commit on); more memory and room for the WAL than it comes with, which helps it."""

    signal = signal.SIGINT

    def __init__(self, service=False):
        super().__init__()
        self.service = service

    def start(self):
        data, template = self.dir / "pg", WORK / "pg-template"
        if not template.exists():
            template.mkdir()
            if AS_POSTGRES:
                shutil.chown(template, "postgres", "postgres")
            sh(
                *AS_POSTGRES,
                pg_bin() / "initdb",
                "-D",
                template,
                "-U",
                "postgres",
                "-A",
                "trust",
                "--locale=C.UTF-8",
                stdout=subprocess.DEVNULL,
                cwd="/",
            )
        sh("cp", "-a", template, data)
        number = port()
        words = [
            pg_bin() / "postgres",
            "-D",
            data,
            "-p",
            number,
            "-k",
            "",
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "shared_buffers=1GB",
            "-c",
            "max_wal_size=4GB",
            "-c",
            "max_connections=200",
        ]
        self.spawn([*AS_POSTGRES, *words], number, cwd="/")
        while subprocess.run(
            [pg_bin() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(number)]
        ).returncode:
            time.sleep(0.05)
        self.pg = f"host=127.0.0.1 port={number} user=postgres dbname=postgres"
        self.url = f"postgres://postgres@127.0.0.1:{number}/postgres"
        sh(PEERS, "schema", "pg", "--pg", self.pg)
        if self.service:
            self.to = self.spawn([PEERS, "serve", "pg", "--pg", self.pg])

    def psql(self, sql):
        return sh("psql", self.url, "-qAtc", sql, capture_output=True, text=True).stdout.strip()


class Redis(Server):
    def start(self):
        self.port = port()
        env = dict(os.environ, LD_LIBRARY_PATH=str(WORK / "redis/usr/lib/x86_64-linux-gnu"))
        self.spawn(
            [
                WORK / "redis/usr/bin/redis-server",
                "--port",
                self.port,
                "--bind",
                "127.0.0.1",
                "--dir",
                self.dir,
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--save",
                "",
            ],
            self.port,
            env=env,
        )
        self.to = f"127.0.0.1:{self.port}"


class Uma(Server):
    def start(self):
        number = port()
        self.spawn(
            [WORK / "srv/bin/umadb", "--listen", f"127.0.0.1:{number}", "--db-path", self.dir / "db"], number
        )
        self.to = f"http://127.0.0.1:{number}"


class Sierra(Server):
    def start(self):
        number = port()
        self.spawn(
            [
                WORK / "srv/bin/sierradb",
                "--dir",
                self.dir / "db",
                "--client-address",
                f"127.0.0.1:{number}",
                "--cluster-address",
                "/ip4/127.0.0.1/tcp/0",
            ],
            number,
        )
        self.to = f"127.0.0.1:{number}"


class Echo(Server):
    def __init__(self, which):
        super().__init__()
        self.which = which

    def start(self):
        self.to = self.spawn([PEERS, "serve", self.which])


class Bus(Server):
    def start(self):
        number = port()
        self.spawn(["nats-server", "-a", "127.0.0.1", "-p", number], number)
        self.to = f"nats://127.0.0.1:{number}"
