"""The platform's passwords and keys: made once, kept where only their owner can read them, never printed."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from tideline.home import Home
from tideline.private_files import write_private
from tideline.settings import keys_file


@dataclass(frozen=True, repr=False)
class Keys:
    """What the database and Airflow's parts need to trust each other."""

    database_password: str
    admin_password: str
    fernet_key: str
    secret_key: str
    jwt_secret: str


def ensure_keys(home: Home) -> Keys:
    """The keys of `home`, made at the first call."""
    file = keys_file(home)
    if not file.exists():
        write_private(file, json.dumps(asdict(_new_keys()), indent=1) + "\n")
    keys = Keys(**json.loads(file.read_text()))
    passwords = password_file(home)
    if not passwords.exists():
        write_private(passwords, json.dumps({"admin": keys.admin_password}) + "\n")
    return keys


def password_file(home: Home) -> Path:
    """The file from which Airflow reads the password of its user `admin`."""
    return home.root / "airflow" / "passwords.json"


def _new_keys() -> Keys:
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return Keys(
        database_password=secrets.token_urlsafe(24),
        admin_password=secrets.token_urlsafe(12),
        fernet_key=fernet,
        secret_key=secrets.token_urlsafe(32),
        jwt_secret=secrets.token_hex(32),
    )
