"""Puts the core's parts together for one installation; what is heavy is imported when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import tideline_airflow.log_fields  # noqa: F401  # every part of the Airflow side has its fields
from tideline.home import Home
from tideline.settings import Settings

if TYPE_CHECKING:
    from tideline.kafka_access import KafkaAccess
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

    @cached_property
    def kafka(self) -> KafkaAccess:
        """By the environment, Airflow's connection and the file; asked when it is needed, for it asks Airflow."""
        from tideline_airflow.kafka_connection import kafka_extra

        return self.settings.kafka_by(kafka_extra())

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

        launcher = self.launcher()
        tools = Tools(self.home, registry, launcher, DriverLaunch(self.home, self.kafka))
        with closing(BrokerWitness(self.kafka)) as broker:
            yield Keeper(tools, RealWitnesses(self.home, launcher, broker.end_offsets, broker.unread, broker.expect))

    def watch(self, registry: Registry) -> Watch:
        """It asks no broker, so the triggerer loads no Kafka client."""
        from tideline.keeper.watch import Watch
        from tideline.keeper.witnesses import RealWitnesses

        return Watch(registry, RealWitnesses(self.home, self.launcher(), lambda topic: {}))

    def late_watch(self, registry: Registry) -> LateWatch:
        from tideline.keeper.late_watch import LateWatch

        return LateWatch(registry, self.home)

    def require_startable(self, spec: Spec) -> None:
        """UserError for a spec by which no driver would start: a file of its is gone, or the tables refuse it."""
        from tideline.deploy import require_startable

        require_startable(self.home, spec)

    def ensure_topic(self, spec: Spec) -> None:
        """A stream may be deployed before its first event is sent; a topic that is there stays as it is. One that is
        made is made as the file declares it, by default with the spec's partitions."""
        from tideline.kafka_io import ensure_topic
        from tideline.kafka_topics import make_missing
        from tideline.spec.job import PARTITIONS, JobSpec

        if spec.topic is not None:
            partitions = PARTITIONS if isinstance(spec, JobSpec) else spec.source.partitions
            make_missing(self.kafka, {name: each for name, each in self.settings.topics.items() if name == spec.topic})
            ensure_topic(self.kafka, spec.topic, partitions)
