"""A container engine for tests: the one that answers, or one of the tests' own, from Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tideline.platform.waiting import wait_until

PACKAGES: Final = ("docker.io", "docker-compose", "debootstrap")
_SECRETS: Final = {
    "certificates": Path("/etc/ssl/certs/ca-certificates.crt"),
    "java-certificates": Path("/etc/ssl/certs/java/cacerts"),
}
"""What this machine trusts, for downloads during a build; none of it stays in an image."""


class NoEngine(Exception):
    """No engine can be had here, and why."""


@dataclass(frozen=True)
class Engine:
    """Commands to one engine."""

    host: str = ""

    @property
    def environ(self) -> dict[str, str]:
        own = {"DOCKER_HOST": self.host} if self.host else {}
        return dict(os.environ) | own | {"DOCKER_BUILDKIT": "1", "COMPOSE_DOCKER_CLI_BUILD": "1"}

    def docker(self, *arguments: str, seconds: float = 600) -> str:
        """What it prints; AssertionError with its own words when it fails."""
        return run([_docker(), *arguments], self.environ, seconds)

    def build(self, tag: str, context: Path, arguments: Mapping[str, str]) -> None:
        args = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
        secrets = [f"id={name},src={file}" for name, file in _SECRETS.items() if file.exists()]
        args += [part for secret in secrets for part in ("--secret", secret)]
        self.docker("build", "--quiet", "--tag", tag, *args, str(context), seconds=3600)

    def has_image(self, tag: str) -> bool:
        return bool(self.docker("image", "ls", "--quiet", tag).strip())


def run(command: Sequence[str], environ: Mapping[str, str], seconds: float) -> str:
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {(done.stdout + done.stderr)[-4000:]}"
    return done.stdout


@contextmanager
def docker_engine(folder: Path) -> Iterator[Engine]:
    """The engine that DOCKER_HOST or the usual socket is of, else one whose images lie in `folder` and stay there.

    NoEngine where there is none and none can be started.
    """
    if shutil.which("docker") and _answers(Engine()):
        yield Engine()
        return
    install_packages()
    with own_engine(folder) as engine:
        yield engine


def install_packages() -> None:
    if all(shutil.which(name) for name in ("dockerd", "docker-compose", "debootstrap")):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoEngine("no container engine answers, and installing one needs root and apt-get")
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for step in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
        run(["apt-get", "-o", "DPkg::Lock::Timeout=300", *step], environ, 900)


@contextmanager
def own_engine(folder: Path) -> Iterator[Engine]:
    """A dockerd on a socket of its own; it ends with the block, and the machine's packet filter is as it was."""
    folder.mkdir(parents=True, exist_ok=True)
    short = Path(tempfile.mkdtemp(prefix="tideline-engine-", dir="/tmp"))  # a socket's path has room for 107 bytes
    engine = Engine(f"unix://{short / 'docker.sock'}")
    command = ["dockerd", "--data-root", str(folder / "data"), "--exec-root", str(short / "exec")]
    command += ["--pidfile", str(short / "dockerd.pid"), "--host", engine.host]
    with kept_packet_filter(), (folder / "dockerd.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            if not wait_until(lambda: process.poll() is not None or _answers(engine), 60, 0.5) or process.poll():
                raise NoEngine(f"dockerd does not start: {(folder / 'dockerd.log').read_text()[-1000:]}")
            yield engine
        finally:
            process.terminate()
            process.wait(60)
            shutil.rmtree(short, ignore_errors=True)


@contextmanager
def kept_packet_filter() -> Iterator[None]:
    """dockerd leaves its rules and its bridge behind; without a person's own rules they would forbid forwarding."""
    before = subprocess.run(["iptables-save"], capture_output=True, check=True).stdout
    had_bridge = Path("/sys/class/net/docker0").exists()
    try:
        yield
    finally:
        subprocess.run(["iptables-restore"], input=before, check=True)
        if not had_bridge:
            subprocess.run(["ip", "link", "delete", "docker0"], check=False, capture_output=True)


def _docker() -> str:
    """Debian's own client where there is one: it builds by BuildKit without a plugin."""
    debian = Path("/usr/bin/docker")
    return str(debian) if debian.exists() else "docker"


def _answers(engine: Engine) -> bool:
    done = subprocess.run(
        [_docker(), "version", "--format", "{{.Server.Version}}"], env=engine.environ, capture_output=True, check=False
    )
    return done.returncode == 0
