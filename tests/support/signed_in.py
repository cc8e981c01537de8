"""Tokens of users of a role, as Airflow's own auth manager makes them when they sign in."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

from support.platform import Platform
from tideline.platform.airflow_parts import folder

_MAKE = """
import sys
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
print(SimpleAuthManager().generate_jwt(SimpleAuthManagerUser(username=sys.argv[1], role=sys.argv[2])))
"""


@cache
def signed_in_as(platform: Platform, name: str, role: str) -> str:
    """For the cookie `_token`."""
    environment = platform.environ | {"AIRFLOW_HOME": str(folder(platform.home))}
    command = [sys.executable, "-c", _MAKE, name, role]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.split()[-1]
