"""Drivers of a bench's streams, started, stopped and killed as the keeper would: epochs, stop files, signals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tideline.bench.driver_host import DriverHost
from tideline.home import Home, StreamHome
from tideline.kafka_access import KafkaAccess
from tideline.keeper.epochs import create_epoch, current_epoch, tag_of
from tideline.keeper.heartbeat import read_heartbeat
from tideline.platform.waiting import wait_until

STOP_S: Final = 60.0
READ_S: Final = 90.0


class DriverFailed(RuntimeError):
    """A driver ended that should run, or did not do in time what it was asked."""


class Drivers:
    """Runs one driver at a time in a warm host; a killed host is replaced at once."""

    def __init__(self, home: Home, kafka: KafkaAccess, java_options: str) -> None:
        self._home = home
        self._kafka = kafka
        self._java_options = java_options
        self._host = self._new_host()

    def start(self, stream: str, generation: int) -> int:
        """A driver under the next epoch, which is returned."""
        epochs = self._home.stream(stream).epochs
        epoch = current_epoch(epochs) + 1
        create_epoch(epochs, epoch, {"generation": generation, "tag": tag_of(stream, epoch)})
        self._kafka.save(self._home.stream(stream).kafka)
        arguments = {
            "--stream": stream,
            "--home": str(self._home.root),
            "--epoch": str(epoch),
            "--generation": str(generation),
            "--tag": tag_of(stream, epoch),
        }
        self._host.run([word for pair in arguments.items() for word in pair])
        return epoch

    def stop(self, stream: StreamHome) -> None:
        """By the stop file: the batch in flight is finished. DriverFailed unless the driver ends with 0."""
        stream.stop_request.write_text(str(current_epoch(stream.epochs)))
        code = self._host.ended(STOP_S)
        if code is None:
            raise DriverFailed(f"the driver did not stop within {STOP_S:g} s")
        if code:
            raise DriverFailed(f"asked to stop, {_end(stream, code)}")

    def kill(self) -> None:
        """kill -9, in the middle of whatever it does."""
        self._host.kill()
        self._host = self._new_host()

    def wait(self, stream: StreamHome, condition: Callable[[], bool], what: str, every_s: float = 0.05) -> None:
        """Waits for what the stream's driver is to do; DriverFailed when it ends or takes too long."""

        def holds() -> bool:
            code = self._host.ended(0)
            if code is not None:
                raise DriverFailed(f"before {what}, {_end(stream, code)}")
            return condition()

        if not wait_until(holds, READ_S, every_s):
            raise DriverFailed(f"not within {READ_S:g} s: {what}")

    def start_anew(self) -> None:
        """After a failure: whatever runs is killed."""
        self.kill()

    def close(self) -> None:
        self._host.close()

    def _new_host(self) -> DriverHost:
        return DriverHost(self._home, self._home.logs / "drivers.log", self._java_options)


def _end(stream: StreamHome, code: int) -> str:
    heartbeat = read_heartbeat(stream.heartbeat)
    return f"the driver ended with {code}: {heartbeat.exception if heartbeat else None}"
