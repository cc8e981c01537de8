"""How Kafka is reached by Airflow's word: its connection `tideline_kafka`, if there is one."""

from __future__ import annotations

import json
from typing import Any

from tideline.errors import UserError
from tideline.kafka_layers import CONNECTION


def kafka_extra() -> dict[str, Any]:
    """The connection's extra, empty where there is none; UserError for one that is no JSON object."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        text = Connection.get(CONNECTION).extra
    except AirflowNotFoundException:
        return {}
    return extra_of(text)


def extra_of(text: str | None) -> dict[str, Any]:
    """The settings in an extra, which may hold a password: no error shows its text."""
    try:
        extra = json.loads(text or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise UserError(
            f"the extra of the connection {CONNECTION} is no JSON object",
            'write one such as {"bootstrap.servers": "..."}',
        )
    return extra
