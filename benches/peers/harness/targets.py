"""Who is measured: each with its server and the arguments of its generator."""

from .base import NATS_WHEEL, SIERRADB, UMADB, WORK
from .servers import Bus, Contactd, Echo, Nats, Postgres, Redis, Sierra, Uma

DEBIAN_NATS, MODERN_NATS = "nats-server", str(WORK / "nats-server")
TARGETS = {
    # name: (what it is, its server, arguments of the generator, view at once, on disk)
    "native": (
        "contactd, HTTP, `POST /contacts`",
        Contactd,
        lambda s: ["http", "--ask", "card", "--to", s.to],
        True,
        True,
    ),
    "mattr": (
        "contactd, HTTP, MATTR's create",
        Contactd,
        lambda s: ["http", "--ask", "mattr", "--to", s.to],
        True,
        True,
    ),
    "native-all": (
        "contactd, HTTP, native, with tokens, idempotency keys and publishing to NATS",
        lambda: Contactd(nats=True, jwt=True),
        lambda s: ["http", "--ask", "card", "--to", s.to, "--token", s.token],
        True,
        True,
    ),
    "rpc": (
        "contactd, NATS `contacts.rpc.`, publishing",
        lambda: Contactd(nats=True),
        lambda s: ["rpc", "--to", s.bus],
        True,
        True,
    ),
    "durable": (
        "contactd, NATS durable commands, until the SUCCESS event arrives",
        lambda: Contactd(nats=True),
        lambda s: ["durable", "--to", s.bus],
        True,
        True,
    ),
    "pg-one-http": (
        "PostgreSQL 1 statement, axum",
        lambda: Postgres(True),
        lambda s: ["http", "--ask", "card", "--path", "/one", "--to", s.to],
        True,
        True,
    ),
    "pg-many-http": (
        "PostgreSQL batched, axum",
        lambda: Postgres(True),
        lambda s: ["http", "--ask", "card", "--path", "/many", "--to", s.to],
        True,
        True,
    ),
    "pg-one": (
        "PostgreSQL 1 statement, direct",
        Postgres,
        lambda s: ["pg", "--mode", "one", "--pg", s.pg],
        True,
        True,
    ),
    "pg-many": (
        "PostgreSQL batched, direct",
        Postgres,
        lambda s: ["pg", "--mode", "many", "--pg", s.pg],
        True,
        True,
    ),
    "cqrs-es": (
        "cqrs-es 0.5 + postgres-es 0.5, direct",
        Postgres,
        lambda s: ["cqrs", "--url", s.url],
        True,
        True,
    ),
    "uma": (f"UmaDB {UMADB}, gRPC, direct", Uma, lambda s: ["uma", "--to", s.to], False, True),
    "sierra": (
        f"SierraDB {SIERRADB}, direct",
        Sierra,
        lambda s: ["resp", "--kind", "sierra", "--to", s.to],
        False,
        True,
    ),
    "redis": (
        "Redis 7.0 streams, appendfsync always, Lua",
        Redis,
        lambda s: ["resp", "--kind", "redis", "--to", s.to],
        True,
        True,
    ),
    "js-always": (
        f"JetStream {NATS_WHEEL}, sync always, two acks",
        lambda: Nats(MODERN_NATS, True),
        lambda s: ["jetstream", "--to", s.to],
        False,
        True,
    ),
    "js-atomic": (
        f"JetStream {NATS_WHEEL}, sync always, one atomic batch",
        lambda: Nats(MODERN_NATS, True),
        lambda s: ["jetstream", "--atomic", "1", "--to", s.to],
        False,
        True,
    ),
    "js-new": (
        f"JetStream {NATS_WHEEL}, default sync (2 min), two acks",
        lambda: Nats(MODERN_NATS, False),
        lambda s: ["jetstream", "--to", s.to],
        False,
        False,
    ),
    "js-old": (
        "JetStream 2.9.10 (Debian), default sync (2 min), two acks",
        lambda: Nats(DEBIAN_NATS, None),
        lambda s: ["jetstream", "--to", s.to],
        False,
        False,
    ),
    "axum-echo": (
        "limit: axum JSON echo",
        lambda: Echo("axum-echo"),
        lambda s: ["http", "--ask", "card", "--to", s.to],
        False,
        False,
    ),
    "hyper-echo": (
        "limit: hyper JSON echo",
        lambda: Echo("hyper-echo"),
        lambda s: ["http", "--ask", "card", "--to", s.to],
        False,
        False,
    ),
    "nats-echo": (
        "limit: NATS request and reply",
        Bus,
        lambda s: ["rpc", "--echo", "1", "--to", s.to],
        False,
        False,
    ),
}


# Ways into contactd beside `native`, and what each is to be held against.
PAIRS = {
    "mattr": ["pg-one-http", "pg-many-http", "cqrs-es", "axum-echo"],
    "native-all": ["native", "pg-one-http", "pg-many-http", "cqrs-es", "axum-echo"],
    "rpc": ["nats-echo", "js-always", "js-new", "uma", "sierra", "redis", "cqrs-es"],
    "durable": ["js-old", "js-always", "rpc"],
}
