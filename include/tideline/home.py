"""Where everything lies: one folder holds all state of one installation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tideline.errors import UserError

CHECKOUT = Path(__file__).resolve().parents[2]
PROJECT_SPECS = CHECKOUT / "include" / "streams"


@dataclass(frozen=True)
class StreamHome:
    """The folder of one stream: epochs, heartbeat and one checkpoint a generation."""

    root: Path

    @property
    def epochs(self) -> Path:
        return self.root / "epochs"

    @property
    def heartbeat(self) -> Path:
        return self.root / "heartbeat.json"

    @property
    def spec(self) -> Path:
        """The spec the next driver obeys, as deployed: editing the user's file changes nothing until a deploy."""
        return self.root / "spec.yaml"

    @property
    def scratch(self) -> Path:
        """Spark's blocks and temporary files: emptied at each submit, since a killed driver leaves its own."""
        return self.root / "scratch"

    @property
    def log(self) -> Path:
        return self.root / "driver.log"

    @property
    def stop_request(self) -> Path:
        """Asks the driver whose epoch it holds to finish its batch and exit."""
        return self.root / "stop"

    @property
    def quarantine(self) -> Path:
        """The records that count as rejects whatever they hold: see `tideline.quarantine`."""
        return self.root / "quarantine.jsonl"

    @property
    def feed(self) -> Path:
        """How far the files, the rate or the socket that fill the stream's topic were read: whatever generation."""
        return self.root / "feed"

    @property
    def kafka(self) -> Path:
        """How Kafka is reached, for the stream's driver and jobs: written at each launch, for its owner alone."""
        return self.root / "kafka.json"

    @property
    def validations(self) -> Path:
        """What Great Expectations keeps of the stream's validations, and their Data Docs."""
        return self.root / "validations"

    def checkpoint(self, generation: int) -> Path:
        return self.root / f"g{generation}" / "checkpoint"


@dataclass(frozen=True)
class Home:
    """`TIDELINE_HOME`: streams, tables, logs, jars, database and broker of one installation."""

    root: Path

    @classmethod
    def from_env(cls) -> Home:
        """UserError where a file is in the way of the folder."""
        root = Path(os.environ.get("TIDELINE_HOME") or CHECKOUT / ".tideline").resolve()
        file = next((place for place in (root, *root.parents) if place.exists() and not place.is_dir()), None)
        if file is not None:
            raise UserError(f"TIDELINE_HOME is {root}, and {file} is no folder", "set TIDELINE_HOME to a folder")
        return cls(root)

    def stream(self, name: str) -> StreamHome:
        return StreamHome(self.root / "streams" / name)

    def tables(self, stream: str) -> Path:
        return self.root / "tables" / stream

    def jars(self, group: str) -> Path:
        """`group` is `spark` (on every driver's class path), `broker` or `database`."""
        return self.root / "jars" / group

    @property
    def logs(self) -> Path:
        return self.root / "logs"


def spec_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of the users' stream specs: `TIDELINE_STREAMS`, by default `include/streams` of the checkout."""
    return Path(environ.get("TIDELINE_STREAMS") or PROJECT_SPECS)


def expectations_folder() -> Path:
    """The folder of the users' expectations, one file a stream: `expectations` beside the folder of the specs."""
    return spec_folder().parent / "expectations"


def notify_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Who is told of what, `TIDELINE_NOTIFY`: by default `include/notify.yaml` of the checkout."""
    return Path(environ.get("TIDELINE_NOTIFY") or CHECKOUT / "include" / "notify.yaml")
