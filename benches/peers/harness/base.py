"""What every part of the comparison uses: where things are, and how a command is run."""

import os
import subprocess
import sys
import time
from pathlib import Path

# The crate of generators and small peers, and the project that it measures.
CRATE = Path(__file__).resolve().parent.parent
PROJECT = CRATE.parent.parent
# Servers, builds and data; removed by nobody, so that the next run need not build again.
WORK = Path(os.environ.get("PEERS_WORK", "/tmp/contactd-peers"))
PEERS = WORK / "target/release/peers"
# The versions that are measured.
NATS_WHEEL, UMADB, SIERRADB = "2.15.1", "0.7.8", "0.3.1"


def sh(*words, **more):
    """Runs a command that must succeed."""
    return subprocess.run([str(w) for w in words], check=True, **more)


def say(*words):
    """Says what goes on, with the time, beside the results."""
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)
