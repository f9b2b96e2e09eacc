"""What the service costs as its log grows: creates in slices, and kill -9 and a start after some of them."""

import json
import os
import shutil
import signal
import time
import urllib.error
import urllib.request

from .base import CRATE, say
from .measure import bench
from .servers import Contactd
from .svg import chart
from .targets import TARGETS

RESULTS = CRATE.parent / "results"
# Starts after kill -9 in a whole load.
STARTS = 5
PANELS = [
    # what is drawn, in which unit, and from which member of a slice
    ("creates a second", "1/s", "rate"),
    ("p99 of a create", "ms", "p99"),
    ("slowest create of a slice", "ms", "max"),
    ("processor time of the service a create", "us", "server_us"),
    ("resident memory at the end of a slice", "MB", "rss"),
    ("events by which a view is behind at the end of a slice", "events", "lag"),
    ("start after kill -9, until a search is answered", "s", "open"),
    ("bytes on the disk a contact", "bytes", "disk"),
]


def memory(pid):
    """Resident megabytes of a process."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    return 0


def lag(server):
    """The events by which the view that is furthest behind is behind the head."""
    with urllib.request.urlopen(f"http://{server.to}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    values = {"contactd_log_position": 0}
    for line in lines:
        if line.startswith(("contactd_log_position ", "contactd_view_position{")):
            name, value = line.rsplit(" ", 1)
            values[name] = float(value)
    head = values.pop("contactd_log_position")
    return max([head - at for at in values.values()], default=0)


def size(directory):
    """The bytes that its files take."""
    files = (os.path.join(at, name) for at, _, names in os.walk(directory) for name in names)
    return sum(os.stat(file).st_blocks * 512 for file in files)


def restart(server, views=True):
    """Kills the service, starts it on the same directory, and waits for a search to be answered; without the views that
    it has saved, all of them are folded from the first event."""
    server.children[-1].send_signal(signal.SIGKILL)
    server.children[-1].wait()
    if not views:
        shutil.rmtree(server.data / "views")
    begun = time.time()
    words = [server.binary, "--data-dir", server.data, "--listen", "127.0.0.1:0"]
    server.to = server.spawn(words, patience=30 if views else 900)
    while True:
        try:
            with urllib.request.urlopen(f"http://{server.to}/contacts?q=nobody&limit=1", timeout=60):
                return time.time() - begun
        except urllib.error.HTTPError:
            time.sleep(0.02)


def curves(contacts, slice_contacts, clients):
    """Loads so many contacts a slice at a time; gives the slices."""
    slices, every = [], max(1, contacts // slice_contacts // STARTS)
    with Contactd() as server:
        for number in range(1, contacts // slice_contacts + 1):
            arguments = TARGETS["native"][2](server)
            line = bench(server, "native", arguments, clients=clients, count=slice_contacts)
            line["contacts"] = number * slice_contacts
            line["rss"], line["lag"] = memory(server.children[-1].pid), lag(server)
            line["disk"] = size(server.data) / line["contacts"]
            if number % every == 0:
                line["open"] = restart(server)
            say(json.dumps({key: line.get(key) for key in ["contacts", *(key for *_, key in PANELS)]}))
            slices.append(line)
            if line.get("errors"):
                break
        slices[-1]["rebuild"] = restart(server, views=False)
        rate = 2 * slices[-1]["contacts"] / slices[-1]["rebuild"]
        say(f"all views made again: {slices[-1]['rebuild']:.1f} s, {rate:,.0f} events a second")
    return slices


def draw(slices, head):
    """Writes the slices and their curves to `results/`."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "curves.jsonl").write_text("".join(json.dumps(line) + "\n" for line in slices))
    panels = []
    for title, unit, key in PANELS:
        points = [(line["contacts"], line[key]) for line in slices if line.get(key) is not None]
        panels.append((title, unit, points))
    (RESULTS / "curves.svg").write_text(chart(head, "contacts (two events each)", panels))
