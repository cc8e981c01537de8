"""Puts the core's parts together for one installation; what is heavy is imported when it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tideline.home import Home
from tideline.settings import Settings

if TYPE_CHECKING:
    from tideline.keeper.evidence import Unread
    from tideline.keeper.keeper import Keeper
    from tideline.keeper.late_watch import LateWatch
    from tideline.keeper.watch import Watch
    from tideline.launcher.base import Launcher
    from tideline.registry.store import Registry
    from tideline.spec.job import Spec


@dataclass(frozen=True)
class Installation:
    """The home that Airflow's parts were started with, and how its services are reached."""

    home: Home
    settings: Settings

    @classmethod
    def from_env(cls) -> Installation:
        home = Home.from_env()
        return cls(home, Settings.load(home))

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        from tideline.registry.store import Registry

        registry = Registry.connect(self.settings.registry_url)
        try:
            yield registry
        finally:
            registry.close()

    def launcher(self) -> Launcher:
        from tideline.launcher.supervised import SupervisorLauncher
        from tideline.platform.supervisor import Supervisor

        return SupervisorLauncher(self.home, Supervisor(self.home))

    def keeper(self, registry: Registry) -> Keeper:
        from tideline.keeper.keeper import Keeper
        from tideline.keeper.tools import Tools
        from tideline.keeper.witnesses import RealWitnesses
        from tideline_airflow.driver_launch import DriverLaunch

        launcher = self.launcher()
        tools = Tools(self.home, registry, launcher, DriverLaunch(self.home, self.settings.bootstrap_servers))
        return Keeper(tools, RealWitnesses(self.home, launcher, self.end_offsets, self.unread))

    def watch(self, registry: Registry) -> Watch:
        """It asks no broker, so the triggerer loads no Kafka client."""
        from tideline.keeper.watch import Watch
        from tideline.keeper.witnesses import RealWitnesses

        return Watch(registry, RealWitnesses(self.home, self.launcher(), lambda topic: {}))

    def late_watch(self, registry: Registry) -> LateWatch:
        from tideline.keeper.late_watch import LateWatch

        return LateWatch(registry, self.home)

    def end_offsets(self, topic: str) -> Mapping[int, int]:
        from tideline.kafka_io import end_offsets

        return end_offsets(self.settings.bootstrap_servers, topic)

    def unread(self, topic: str, ends: Mapping[int, int]) -> Unread | None:
        """How near what lies beyond these offsets is to its removal."""
        from tideline.keeper.evidence import Unread
        from tideline.retention_guard import unread

        worst = unread(self.settings.bootstrap_servers, topic, ends)
        return Unread(worst.share, worst.reason) if worst else None

    def ensure_topic(self, spec: Spec) -> None:
        """A stream may be deployed before its first event is sent; a topic that is there stays as it is."""
        from tideline.kafka_io import ensure_topic
        from tideline.spec.job import PARTITIONS, JobSpec

        if spec.topic is not None:
            partitions = PARTITIONS if isinstance(spec, JobSpec) else spec.source.partitions
            ensure_topic(self.settings.bootstrap_servers, spec.topic, partitions)
