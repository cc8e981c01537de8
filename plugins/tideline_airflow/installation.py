"""Puts the core's parts together for one installation; what is heavy is imported when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tideline_airflow.log_fields  # noqa: F401  # every part of the Airflow side has its fields
from tideline.home import Home
from tideline.settings import Settings

if TYPE_CHECKING:
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

    @contextmanager
    def keeper(self, registry: Registry) -> Iterator[Keeper]:
        from tideline.keeper.broker_witness import BrokerWitness
        from tideline.keeper.keeper import Keeper
        from tideline.keeper.tools import Tools
        from tideline.keeper.witnesses import RealWitnesses
        from tideline_airflow.driver_launch import DriverLaunch

        launcher, bootstrap = self.launcher(), self.settings.bootstrap_servers
        tools = Tools(self.home, registry, launcher, DriverLaunch(self.home, bootstrap))
        with closing(BrokerWitness(bootstrap)) as broker:
            yield Keeper(tools, RealWitnesses(self.home, launcher, broker.end_offsets, broker.unread, broker.expect))

    def watch(self, registry: Registry) -> Watch:
        """It asks no broker, so the triggerer loads no Kafka client."""
        from tideline.keeper.watch import Watch
        from tideline.keeper.witnesses import RealWitnesses

        return Watch(registry, RealWitnesses(self.home, self.launcher(), lambda topic: {}))

    def late_watch(self, registry: Registry) -> LateWatch:
        from tideline.keeper.late_watch import LateWatch

        return LateWatch(registry, self.home)

    def ensure_topic(self, spec: Spec) -> None:
        """A stream may be deployed before its first event is sent; a topic that is there stays as it is."""
        from tideline.kafka_io import ensure_topic
        from tideline.spec.job import PARTITIONS, JobSpec

        if spec.topic is not None:
            partitions = PARTITIONS if isinstance(spec, JobSpec) else spec.source.partitions
            ensure_topic(self.settings.bootstrap_servers, spec.topic, partitions)
