"""How Kafka is reached, and the topics there are to be: the keys of `include/kafka.yaml`."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from tideline.kafka_access import Mechanism, Protocol, checked_servers
from tideline.spec.parts import TOPIC, Model, Whole, checked_duration

FOREVER: Final = "forever"
UNLIMITED: Final = -1
"""How Kafka writes a retention without end."""

SECRET_HINT: Final = "write `{variable: TIDELINE_KAFKA_PASSWORD}` or `{file: /run/secrets/kafka}`"

FilePath = Annotated[str, Field(min_length=1)]


def _one_text(value: object) -> object:
    """Several servers may be written as a list."""
    return ",".join(map(str, value)) if isinstance(value, list) else value


Servers = Annotated[str, BeforeValidator(_one_text), AfterValidator(checked_servers)]


def _password_variable(name: str) -> str:
    """What begins so reaches the platform's parts, and what is called so is kept from the drivers."""
    if not re.fullmatch(r"TIDELINE_[A-Z0-9_]*PASSWORD[A-Z0-9_]*", name):
        raise ValueError(f"'{name}' is no variable for a password: write one such as TIDELINE_KAFKA_PASSWORD")
    return name


class Secret(Model):
    """Where a password is: in a variable that the platform's processes have, or in a file."""

    variable: Annotated[str, AfterValidator(_password_variable)] | None = None
    file: FilePath | None = None

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Secret:
        if (self.variable is None) == (self.file is None):
            raise ValueError(f"a password is in one place: {SECRET_HINT}")
        return self


class Security(Model):
    """What the servers ask of a client."""

    protocol: Protocol
    mechanism: Mechanism | None = None
    username: str | None = None
    password: Secret | None = None
    ca_file: FilePath | None = None
    certificate_file: FilePath | None = None
    key_file: FilePath | None = None

    @field_validator("password", mode="before")
    @classmethod
    def _stands_elsewhere(cls, value: object) -> object:
        if isinstance(value, str | int | float):
            raise ValueError(f"a password does not stand in this file: {SECRET_HINT}")
        return value

    @model_validator(mode="after")
    def _fits_its_protocol(self) -> Security:
        account = [name for name in ("mechanism", "username", "password") if getattr(self, name)]
        files = [name for name in ("ca_file", "certificate_file", "key_file") if getattr(self, name)]
        if account and not self.protocol.startswith("SASL_"):
            raise ValueError(f"{self.protocol} asks for no {account[0]}: write `protocol: SASL_SSL` or SASL_PLAINTEXT")
        if files and not self.protocol.endswith("SSL"):
            raise ValueError(f"{self.protocol} reads no {files[0]}: write `protocol: SSL` or SASL_SSL")
        if self.key_file and not self.certificate_file:
            raise ValueError("key_file belongs to a certificate: write `certificate_file:` too")
        return self


def _retention(value: object, info: ValidationInfo) -> object:
    return UNLIMITED if value == FOREVER else checked_duration(value, info)


def _topic_name(value: str) -> str:
    if not re.fullmatch(TOPIC, value):
        raise ValueError(f"'{value}' is no name for a topic: write letters, digits, dots, - and _: 249 of them at most")
    return value


class Topic(Model):
    """A topic; what is left out is the broker's to choose where the topic is made, and not looked at afterwards."""

    partitions: Annotated[Whole, Field(ge=1, le=100_000)] = 3
    retention: Annotated[int, BeforeValidator(_retention)] | None = None
    replication: Annotated[Whole, Field(ge=1, le=100)] | None = None
    compact: bool | None = None

    @field_validator("retention")
    @classmethod
    def _is_some_time(cls, value: int | None) -> int | None:
        if value == 0:
            raise ValueError("nothing would be kept: write a longer time, or `forever`")
        return value

    @property
    def cleanup_policy(self) -> str | None:
        """As Kafka calls it; a compacted topic with a retention is both."""
        if self.compact is None:
            return None
        both = self.compact and self.retention is not None and self.retention != UNLIMITED
        return "compact,delete" if both else "compact" if self.compact else "delete"


class KafkaFile(Model):
    """The file. Without `servers` it is the local platform's broker."""

    servers: Servers | None = None
    security: Security | None = None
    topics: dict[Annotated[str, AfterValidator(_topic_name)], Topic] = Field(default={})
