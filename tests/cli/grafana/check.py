"""Reads a dashboard with Grafana's own model of one, and fails where that lost or changed a member.

What the model does not know, Grafana does not either: a member misspelt, or in the wrong place.
"""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def differences(given, read, path):
    if isinstance(given, dict) and isinstance(read, dict):
        for name, value in given.items():
            if name not in read:
                yield f"{path}/{name}: Grafana knows no such member"
            else:
                yield from differences(value, read[name], f"{path}/{name}")
    elif isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        for index, pair in enumerate(zip(given, read)):
            yield from differences(*pair, f"{path}/{index}")
    elif given != read:
        yield f"{path}: {given!r} is read as {read!r}"


board = json.load(sys.stdin)
if not board["panels"]:
    sys.exit("there are no panels")
read = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
sys.exit("\n".join(differences(board, read, "")) or None)
