"""A stream of which the registry knows, with tables that grow without Spark."""

from __future__ import annotations

from tideline.bench.player import Player
from tideline.home import Home
from tideline.keeper.lifecycle import Desired
from tideline.ledger import LedgerRow
from tideline.registry.requests import Request
from tideline.registry.store import Registry
from tideline.spec.model import StreamSpec


class AnnouncedStream:
    """Its player's batches are in the ledger at once, and in the checkpoint when they are committed."""

    def __init__(self, home: Home, registry: Registry, spec: StreamSpec) -> None:
        self.home = home
        self.registry = registry
        self.player = Player(home.tables(spec.name), spec)
        self.deploy(spec)
        text = spec.model_dump_json(exclude_none=True)
        registry.request(Request(spec.name, Desired.RUNNING, "ann", text, spec.fingerprint()))
        registry.raise_epoch(spec.name, 0)

    def deploy(self, spec: StreamSpec) -> None:
        """The spec that the next driver obeys."""
        self.home.stream(spec.name).root.mkdir(parents=True, exist_ok=True)
        self.home.stream(spec.name).spec.write_text(spec.model_dump_json(exclude_none=True))

    def play(self, *values: bytes, committed: bool = True) -> None:
        """A batch, and the one without data that closes what it may; the latter is published with its commit."""
        self._commit(self.player.play(*values, closing=False))
        row = self.player.play(closing=False)
        if committed:
            self._commit(row)

    def _commit(self, row: LedgerRow) -> None:
        folder = self.home.stream(self.player.spec.name).checkpoint(row.generation) / "commits"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(row.batch)).write_text("v1\n{}")
