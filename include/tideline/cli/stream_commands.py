"""`tideline validate` and `tideline produce`: checking specs, and sending input."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tideline.cli.console import err, out, print_error, print_json
from tideline.clock import now_ms

if TYPE_CHECKING:
    from tideline.kafka_access import KafkaAccess
    from tideline.produce.sender import Produced
    from tideline.spec.job import Spec

LATE_AFTER_S = 15.0

Share = Annotated[float, typer.Option(min=0, max=1)]


def register(app: typer.Typer) -> None:
    app.command()(validate)
    app.command()(produce)


def validate(
    specs: Annotated[list[str] | None, typer.Argument(metavar="[SPEC...]", help="names or paths; all if none")] = None,
) -> None:
    """Checks specs: exit 1 shows what is wrong, with file, line, caret and suggestion; exit 2: a spec is not there.

    A stream's own expectations, in the folder `expectations` beside the specs', are checked with its spec.

    Without SPEC kafka.yaml is checked too, and a file of the folder that is left out for its name is named, and counts
    as wrong.
    """
    from tideline.errors import UserError
    from tideline.spec.load import SpecError, find_spec, load_any_spec, misnamed_specs, spec_names

    names, misnamed = specs or spec_names(), [] if specs else misnamed_specs()
    if not names and not misnamed:
        raise typer.BadParameter("there are no specs to check", param_hint="SPEC")
    for path in misnamed:
        print_error(UserError(f"{path.name} is no spec by its name", "call it NAME.yaml: a-z, then a-z, 0-9, - and _"))
    status, right = 1 if misnamed else 0, 0
    for name in names:
        try:
            spec = load_any_spec(find_spec(name))
            out.print(f"{_described(spec)}{_expectations(spec)}", markup=False)
            right += 1
        except SpecError as error:
            err.print(error.message, markup=False)
            status = max(status, 1)
        except UserError as error:
            print_error(error)
            status = max(status, error.exit_status)
    if len(names) > 1 and status:
        err.print(f"{right} of {len(names) + len(misnamed)} specs are ok", markup=False)
    raise typer.Exit(status if specs else max(status, _validate_kafka()))


def _validate_kafka() -> int:
    """Of `kafka.yaml`, and of what overrides it here: the exit status."""
    from tideline.errors import UserError
    from tideline.home import Home
    from tideline.kafka_file import kafka_file
    from tideline.settings import Settings
    from tideline.spec.problems import SpecError

    try:
        settings = Settings.load(Home.from_env())
        where = "the broker of this machine" if "broker" not in settings.elsewhere else settings.kafka
        out.print(f"{kafka_file().name}: ok, {len(settings.topics)} topics at {where}", markup=False)
    except SpecError as error:
        err.print(error.message, markup=False)
        return 1
    except UserError as error:
        print_error(error)
        return error.exit_status
    return 0


def _described(spec: Spec) -> str:
    from tideline.spec.job import JobSpec

    if isinstance(spec, JobSpec):
        return f"{spec.name}: ok, runs {spec.entrypoint}"
    metrics = f"{len(spec.metrics)} metric{'s' if len(spec.metrics) != 1 else ''}"
    return f"{spec.name}: ok, {metrics} from topic {spec.source.topic} ({', '.join(spec.metrics)})"


def _expectations(spec: Spec) -> str:
    """How many a stream of metrics has of its own; SpecError for a file that cannot be used."""
    from tideline.gate.rules_file import load_rules
    from tideline.spec.job import JobSpec

    if isinstance(spec, JobSpec):
        return ""
    rules = load_rules(spec)
    count = len(rules.corrections) + sum(len(found) for found in rules.tables.values())
    return f", {count} expectations of its own" if count else ""


def produce(
    topic: Annotated[str, typer.Option(help="topic to send to; made when it is absent")],
    file: Annotated[Path | None, typer.Option(help="sends this file's lines as they are")] = None,
    late_every: Annotated[int | None, typer.Option(min=1, help="holds back each Nth line and sends it last")] = None,
    late_after: Annotated[
        float, typer.Option(min=0, help="seconds to wait before the lines held back, so that the watermark passes")
    ] = LATE_AFTER_S,
    rate: Annotated[float | None, typer.Option(min=0.001, help="records a second")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.001, help="sends traffic for so long")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="sends so many records of traffic")] = None,
    kind: Annotated[str, typer.Option(help="what traffic is made of: logs or user-events")] = "logs",
    shape: Annotated[str, typer.Option(help="how traffic comes: steady, or bursty with quiet stretches")] = "steady",
    late_by: Annotated[
        list[str] | None, typer.Option(help="how late late events are, such as '15 minutes'; may be given again")
    ] = None,
    seed: Annotated[int, typer.Option(help="the same seed gives the same traffic")] = 1,
    speed: Annotated[float, typer.Option(min=0.001, help="event time against real time, until it has caught up")] = 60,
    late_share: Share = 0.02,
    duplicate_share: Share = 0.01,
    malformed_share: Share = 0.01,
    future_share: Share = 0.002,
    partitions: Annotated[int, typer.Option(min=1, help="of a topic that is made, where kafka.yaml has none")] = 3,
    bootstrap: Annotated[
        str | None, typer.Option(help="address of a broker that asks for nothing; by default that of the settings")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="prints one object")] = False,
) -> None:
    """Sends a file's lines, or seeded traffic of which a share is late, doubled, malformed or from the future.

    The event time of traffic begins two hours before now and runs --speed times as fast until it has caught up.
    """
    shares = (late_share, duplicate_share, malformed_share, future_share)
    numbers = {"--rate": rate, "--seconds": seconds, "--speed": speed, "--late-after": late_after}
    for option, number in numbers.items():
        _refuse(number is not None and not math.isfinite(number), "it is no finite number", option)
    if file is not None:
        _refuse(seconds is not None or count is not None, "--seconds and --count are for traffic, not for --file")
        _refuse(bool(late_by) or (kind, shape) != ("logs", "steady"), "--kind, --shape and --late-by are for traffic")
    else:
        _refuse(late_every is not None, "--late-every needs --file")
        _refuse(rate is None, "give --file, or --rate with --seconds or --count")
        _refuse((seconds is None) == (count is None), "give one of --seconds and --count")
        _refuse(sum(shares) > 1, "the shares add up to more than 1")
    from tideline.produce.kinds import KINDS
    from tideline.produce.lines import FileSource
    from tideline.produce.pace import evenly, in_bursts
    from tideline.produce.sender import Sender, send_events, send_file
    from tideline.produce.traffic import Traffic

    shapes = {"steady": evenly, "bursty": in_bursts}
    _refuse(kind not in KINDS, f"there is no kind '{kind}': write {' or '.join(KINDS)}", "--kind")
    _refuse(shape not in shapes, f"there is no shape '{shape}': write {' or '.join(shapes)}", "--shape")
    late = tuple(_duration_ms(text) for text in late_by or ())
    if file is not None:
        FileSource(file).require()

    kafka = _kafka(bootstrap, topic)
    with _progress() as progress:
        if file is not None:
            pause = _waiting(late_after)
            sent = send_file(
                kafka, topic, file, late_every, rate, progress, before_held_back=pause, partitions=partitions
            )
        elif rate is not None:
            start = Traffic.start_before(now_ms())
            traffic = Traffic(seed, rate, start, *shares, speed, kind=KINDS[kind], late_by=late)
            number = count or max(1, round(rate * (seconds or 0)))
            if late_share and number / rate <= traffic.late_after_s:
                err.print(
                    f"none will be late: late events come after {traffic.late_after_s:g} s of such traffic; choose a "
                    "longer run, a greater --speed or a shorter --late-by",
                    markup=False,
                )
            with Sender(kafka, topic, partitions) as sender:
                events = traffic.paced(number, shapes[shape])
                sent = send_events(sender, events, progress)
    _report(topic, sent, as_json)


def _duration_ms(text: str) -> int:
    from tideline.durations import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--late-by") from None


def _refuse(wrong: bool, reason: str, parameter: str | None = None) -> None:
    if wrong:
        raise typer.BadParameter(reason, param_hint=parameter)


def _kafka(servers: str | None, topic: str) -> KafkaAccess:
    """How the broker is reached; of the settings' own the topic is made as `kafka.yaml` declares it."""
    from tideline.home import Home
    from tideline.kafka_access import KafkaAccess, checked_servers
    from tideline.kafka_topics import make_missing
    from tideline.settings import Settings

    if servers is not None:
        try:
            return KafkaAccess(checked_servers(servers))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--bootstrap") from None
    settings = Settings.load(Home.from_env())
    make_missing(settings.kafka, {name: each for name, each in settings.topics.items() if name == topic})
    return settings.kafka


def _waiting(seconds: float) -> Callable[[], None]:
    def wait() -> None:
        if seconds:
            err.print(f"waiting {seconds:g} s so that the watermark passes the lines held back", markup=False)
            time.sleep(seconds)

    return wait


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Shows the number of records sent, at most a few times a second."""
    with err.status("sending") as status:
        shown = [time.monotonic()]

        def show(sent: int) -> None:
            now = time.monotonic()
            if now - shown[0] > 0.25:
                shown[0] = now
                status.update(f"sending: {sent:,} records")

        yield show


def _report(topic: str, produced: Produced, as_json: bool) -> None:
    if as_json:
        print_json({"topic": topic, **asdict(produced)})
        return
    held = f", {produced.held_back:,} of them held back and sent last" if produced.held_back else ""
    tags = ": " + ", ".join(f"{count:,} {tag}" for tag, count in sorted(produced.tags.items())) if produced.tags else ""
    out.print(f"sent {produced.sent:,} records to {topic}{held}{tags}", markup=False)
