"""How a Kafka cluster is reached: one value, from which every client's own settings are made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from tideline.errors import UserError
from tideline.hosts import HOST
from tideline.private_files import write_private

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
PROTOCOLS: Final[tuple[str, ...]] = get_args(Protocol)
MECHANISMS: Final[tuple[str, ...]] = get_args(Mechanism)

REDACTED: Final = "(?i)url|jaas|password|keystore"
"""The options of a source that Spark is not to show in a plan, for `spark.sql.redaction.options.regex`."""

_JAAS: Final = "org.apache.kafka.common.security"


@dataclass(frozen=True)
class KafkaAccess:
    """The servers, and what they ask of a client. `str` names the servers; no form of it shows the password."""

    servers: str
    protocol: str = "PLAINTEXT"
    mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None

    def __str__(self) -> str:
        return self.servers

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, where `tideline up` starts one."""
        return self.servers.startswith(HOST)

    @property
    def encrypts(self) -> bool:
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def authenticates(self) -> bool:
        """Whether by a name and a password."""
        return self.protocol.startswith("SASL_")

    def client(self) -> dict[str, Any]:
        """The arguments of every client of kafka-python."""
        found: dict[str, Any] = {"bootstrap_servers": self.servers.split(","), "security_protocol": self.protocol}
        if self.encrypts:
            files = {"ssl_cafile": self.ca_file, "ssl_certfile": self.certificate_file, "ssl_keyfile": self.key_file}
            found |= {name: file for name, file in files.items() if file}
        if self.authenticates:
            found |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return found

    def spark(self) -> dict[str, str]:
        """The options of Spark's Kafka source and sink; UserError for a file that cannot be read."""
        found = {"bootstrap.servers": self.servers}
        if self.protocol != "PLAINTEXT":
            found["security.protocol"] = self.protocol
        if self.encrypts:
            found |= self._stores()
        if self.authenticates:
            found |= {"sasl.mechanism": str(self.mechanism), "sasl.jaas.config": self._jaas()}
        return {f"kafka.{name}": value for name, value in found.items()}

    def _stores(self) -> dict[str, str]:
        """Kafka's Java client takes a certificate and its key from one file, or as text: so both are read here."""
        found: dict[str, str] = {}
        if self.ca_file:
            found |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": self.ca_file}
        if self.certificate_file:
            found |= {
                "ssl.keystore.type": "PEM",
                "ssl.keystore.certificate.chain": _text(self.certificate_file),
                "ssl.keystore.key": _text(self.key_file or self.certificate_file),
            }
        return found

    def _jaas(self) -> str:
        module = "plain.PlainLoginModule" if self.mechanism == "PLAIN" else "scram.ScramLoginModule"
        account = f"username={_quoted(self.username or '')} password={_quoted(self.password or '')}"
        return f"{_JAAS}.{module} required {account};"

    def save(self, file: Path) -> None:
        """Keeps it where only its owner can read it, for a process that is started by other settings."""
        write_private(file, json.dumps(asdict(self)) + "\n")

    @classmethod
    def read(cls, file: Path) -> KafkaAccess:
        """What `save` has kept; UserError where there is nothing of the kind."""
        try:
            return cls(**json.loads(file.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{file} does not tell how Kafka is reached: {error}", "deploy the stream again") from None


def checked_servers(text: str) -> str:
    """Servers with commas between, without blanks; ValueError names what is none."""
    servers = [server.strip() for server in text.split(",")]
    for server in servers:
        host, _, port = server.rpartition(":")
        if not (host and port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError(f"'{server}' is no server: write its name and its port, such as kafka-1:9092")
    return ",".join(servers)


def _quoted(text: str) -> str:
    """As Java reads a text in quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "mend the path, or the file's rights") from None
