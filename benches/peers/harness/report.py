"""The table: medians, and ratios within a round, in Markdown."""

import statistics

from .targets import PAIRS, TARGETS


class Report:
    def __init__(self, lines, options):
        self.lines, self.options = lines, options
        self.good = [line for line in lines if not line.get("errors")]
        self.rates = {}
        for line in self.good:
            if "kind" not in line:
                self.rates.setdefault((line["target"], line["clients"]), []).append(line)
        self.clients = sorted({clients for _, clients in self.rates})

    def of(self, kind):
        return [line for line in self.good if line.get("kind") == kind]

    def median(self, target, clients, key="rate"):
        lines = self.rates.get((target, clients))
        return statistics.median(line[key] for line in lines) if lines else None

    def ratio(self, mine, theirs, clients):
        """The median of the rounds' own ratios, and the least and the largest of them."""
        by_round = lambda name: {l["round"]: l["rate"] for l in self.rates.get((name, clients), [])}
        mine, theirs = by_round(mine), by_round(theirs)
        ratios = [mine[number] / theirs[number] for number in mine if theirs.get(number)]
        if not ratios:
            return "-"
        spread = f" ({min(ratios):.2f}-{max(ratios):.2f})" if len(ratios) > 1 else ""
        return f"{statistics.median(ratios):.2f}{spread}"

    def text(self, head):
        parts = [self.disk(), self.creates(), self.ways_in(), self.reads(), self.tails(), self.publisher()]
        failed = sorted({line["target"] for line in self.lines if line.get("errors")})
        if failed:
            parts.append("Failed at least once: " + ", ".join(failed) + ".\n")
        return "\n".join([head, ""] + [part for part in parts if part])

    def disk(self):
        probes = [line["probe"] for line in self.lines if line.get("probe")]
        syncs = self.median("fdatasync", 1)
        if not syncs or not probes:
            return ""
        return (
            f"Bare file, 900 bytes and fdatasync: {syncs:,.0f} a second "
            f"(probes between the measurements {min(probes):,.0f} to {max(probes):,.0f}).\n"
        )

    def creates(self):
        if not self.clients:
            return ""
        clients, top = self.clients, self.clients[-1]
        columns = ["who", "view at once", "syncs asked for / disk flushes a command, 1 client"]
        columns += [f"{c} cl." for c in clients]
        columns += [f"spread at {top}", f"p50 / p99 ms at {top}", "server / client us at 64"]
        columns += [f"ours : it, {c}" for c in clients]
        rows = [self.creates_of(name) for name in TARGETS if any((name, c) in self.rates for c in clients)]
        bare = self.median("fdatasync", 1)
        mine = self.median("native", 1)
        if bare and mine and 1 in clients:
            rest = [""] * (len(clients) - 1)
            row = ["limit: bare fdatasync", "no", "1", f"{bare:,.0f}", *rest, "", "", ""]
            rows.append(row + [f"{mine / bare:.2f}", *rest])
        intro = (
            "Ours : it is contactd's `POST /contacts` over HTTP to the row's, the median of the rounds' own "
            "ratios (the least - the largest)."
        )
        return section("Durable creates a second", intro, columns, rows, left=2)

    def creates_of(self, name):
        what, _, _, view, _ = TARGETS[name]
        top = self.clients[-1]
        last = [line["rate"] for line in self.rates.get((name, top), [])]
        times = [self.median(name, top, key) for key in ("p50", "p99")]
        costs = [self.median(name, 64, key) for key in ("server_us", "client_us")]
        row = [what, "yes" if view else "no", self.syncs(name)]
        row += [number(self.median(name, c)) for c in self.clients]
        row.append(f"{min(last):,.0f}-{max(last):,.0f}" if last else "-")
        row.append(f"{times[0]:.2f} / {times[1]:.2f}" if last else "-")
        row.append(f"{costs[0]:.0f} / {costs[1]:.0f}" if costs[0] is not None else "-")
        return row + ["1" if name == "native" else self.ratio("native", name, c) for c in self.clients]

    def syncs(self, name):
        for line in self.of("durability"):
            if line["target"] == name:
                asked = "io_uring" if line["syncs"] < 0 else f"{line['syncs']:.2f}"
                return f"{asked} / {line['flushes'] / max(line['n'], 1):.2f}"
        return "-"

    def ways_in(self):
        rows = []
        for mine, others in PAIRS.items():
            for theirs in others:
                ratios = [self.ratio(mine, theirs, c) for c in self.clients]
                if any(ratio != "-" for ratio in ratios):
                    rows.append([TARGETS[mine][0], TARGETS[theirs][0], *ratios])
        columns = ["ours", "theirs"] + [f"{c} cl." for c in self.clients]
        return section("The other ways in", "", columns, rows, left=2) if rows else ""

    def reads(self):
        rows = []
        reads = self.of("read")
        for what in dict.fromkeys(line["what"] for line in reads):
            sides = [
                [line for line in reads if (line["what"], line["target"]) == (what, target)]
                for target in ("contactd", "pg-axum")
            ]
            if all(sides):
                rate = [statistics.median(line["rate"] for line in side) for side in sides]
                late = [statistics.median(line["p99"] for line in side) for side in sides]
                cells = [number(rate[0]), f"{late[0]:.2f}", number(rate[1]), f"{late[1]:.2f}"]
                rows.append([what, *cells, f"{rate[0] / rate[1]:.2f}"])
        columns = ["what", "contactd a second", "p99 ms", "PostgreSQL behind axum", "p99 ms", "ours : theirs"]
        title = f"Reads, {self.options.contacts:,} contacts, 64 connections over HTTP"
        return section(title, "", columns, rows, left=1) if rows else ""

    def tails(self):
        by_target = {}
        for line in self.of("tail"):
            by_target.setdefault(line["target"], []).append(line)
        rates = {name: statistics.median(l["rate"] for l in lines) for name, lines in by_target.items()}
        if not rates:
            return ""
        first = next(iter(rates.values()))
        rows = [
            [name, number(by_target[name][0]["n"]), number(rate), f"{first / rate:.2f}"]
            for name, rate in rates.items()
        ]
        columns = ["who", "events", "events a second", "the first row : it"]
        return section("All events read from the first to the last", "", columns, rows, left=1)

    def publisher(self):
        return "".join(
            f"contactd's publisher: {line['behind']:,} events behind when the last of "
            f"{self.options.contacts:,} creates at 64 connections was answered, level "
            f"{line['caught_up_s']:.1f} s later.\n"
            for line in self.of("publisher")
        )


def number(value):
    return "-" if value is None else f"{value:,.0f}"


def section(title, intro, columns, rows, left):
    """A heading and a table whose columns behind the first `left` are of numbers."""
    rule = ["---"] * left + ["---:"] * (len(columns) - left)
    table = [f"| {' | '.join(row)} |" for row in [columns, rule, *rows]]
    return "\n".join([f"## {title}", "", *([intro, ""] if intro else []), *table, ""])
