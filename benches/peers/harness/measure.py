"""The measurements: creates, how often each syncs, reads, and the whole log from end to end."""

import glob
import json
import os
import signal
import subprocess
import time

from .base import PEERS, WORK, say, sh
from .targets import TARGETS

PROBE = []


def bench(server, name, arguments, **more):
    words = [PEERS, "bench", *arguments, "--name", name, "--watch", server.watch]
    for key, value in more.items():
        words += [f"--{key}", value]
    flushes, sectors = disk()
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=300)
    line = (
        json.loads(done.stdout.splitlines()[-1])
        if done.stdout.strip()
        else {"target": name, "error": done.stderr[-500:], "errors": 1}
    )
    after = disk()
    # Warm-up and start are in these two, so they are for what a command costs, not for rates.
    line.update(flushes=after[0] - flushes, written=(after[1] - sectors) * 512)
    if line.get("errors"):
        say("FAILED", name, more, str(line.get("error"))[:600])
    return line


def disk():
    """Flushes that the disk has finished, and sectors written: whether somebody really syncs."""
    device = os.stat(WORK).st_dev
    for line in open("/proc/diskstats"):
        words = line.split()
        if (int(words[0]), int(words[1])) == (os.major(device), os.minor(device)) and len(words) > 18:
            return int(words[18]), int(words[9])
    return 0, 0


def probe(seconds=0.3):
    line = json.loads(
        sh(PEERS, "fsync", "--file", WORK / "probe", "--secs", seconds, capture_output=True, text=True).stdout
    )
    PROBE.append(line["rate"])
    return line["rate"]


def writes(options, rounds, out):
    names = [n for n in TARGETS if not options.only or n in options.only]
    for number in rounds:
        turn = names[number * 5 % len(names) :] + names[: number * 5 % len(names)]
        for name in turn:
            what, factory, arguments, *_ = TARGETS[name]
            before = probe()
            try:
                with factory() as server:
                    for clients in options.clients:
                        line = bench(
                            server,
                            name,
                            arguments(server),
                            clients=clients,
                            warm=options.warm,
                            secs=options.secs,
                        )
                        line.update(round=number, probe=before, load=os.getloadavg()[0])
                        print(json.dumps(line), file=out, flush=True)
            except Exception as error:
                say("FAILED", name, repr(error)[:1500])
        line = {"target": "fdatasync", "clients": 1, "rate": probe(2.0), "round": number}
        print(json.dumps(line), file=out, flush=True)
        say("round", number, "done")


def family(server):
    """Its processes and their children."""
    pids = [c.pid for c in server.children]
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            words = open(stat).read().rsplit(")", 1)
        except OSError:
            continue
        if int(words[1].split()[1]) in pids[:]:
            pids.append(int(words[0].split()[0]))
    return sorted(set(pids))


def syncs_called(server, name, arguments, count=100):
    """How often a command makes the server call for a sync, as strace sees it; -1 where it asks through io_uring."""
    file = server.dir / "strace"
    words = ["strace", "-f", "-c", "-o", file, "-e", "trace=fsync,fdatasync,io_uring_enter"]
    words += [w for pid in family(server) for w in ("-p", pid)]
    child = subprocess.Popen([str(w) for w in words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.7)
    bench(server, name, arguments, clients=1, count=count)
    child.send_signal(signal.SIGINT)
    child.wait(10)
    calls = {
        w[-1]: int(w[3])
        for w in map(str.split, file.read_text().splitlines())
        if len(w) in (5, 6) and w[3].isdigit()
    }
    # sync_file_range is no promise: it does not flush the disk's own cache.
    return -1 if calls.get("io_uring_enter") else (calls.get("fsync", 0) + calls.get("fdatasync", 0)) / count


def durability(options, out):
    """One client: how often the disk is flushed for a command, and how often that is asked for."""
    for name, (what, factory, arguments, view, durable) in TARGETS.items():
        if options.only and name not in options.only:
            continue
        try:
            with factory() as server:
                bench(server, name, arguments(server), clients=1, count=20)
                line = bench(server, name, arguments(server), clients=1, count=200)
                line.update(kind="durability", syncs=syncs_called(server, name, arguments(server)))
                print(json.dumps(line), file=out, flush=True)
        except Exception as error:
            say("FAILED", name, repr(error)[:500])
