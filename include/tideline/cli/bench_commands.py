"""`tideline bench`: what is promised, measured on this machine with real parts."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from tideline.cli.console import out, print_json, progress
from tideline.home import Home

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

SEEDS = 20

bench = typer.Typer(help="Measure what is promised, each against another in the same run.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(bench, name="bench")


@bench.command()
def exactness(
    seeds: Annotated[
        int | None, typer.Option(min=1, help="How many seeds to play, from 0; 20 if it is not given.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Play this one alone: the same stream, records and acts at the same places; what Spark does between "
            "two of them is not the same to the bit.",
        ),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="A new folder, in which the streams and tables of failed seeds are kept.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Random disorder, restarts, kill -9 and reconciliations on a real Kafka and Spark: nothing may differ.

    JSON: seeds, differences, unbalanced, failed_seeds, restarts, kills, reconciliations, generations, events, late,
    seconds, failures.

    Exit 1 when a number differs, books do not balance, or a seed fails.
    """
    from tideline.bench.exactness import run_exactness

    if seed is not None and seeds is not None:
        raise typer.BadParameter("--seed plays one seed alone: give one of the two", param_hint="--seeds")
    if keep is not None and keep.exists():
        raise typer.BadParameter(f"{keep} is there already", param_hint="--keep")
    _end_on_sigterm()
    chosen = range(seeds or SEEDS) if seed is None else [seed]
    report = run_exactness(chosen, Home.from_env().root / "jars", keep, progress)
    if as_json:
        print_json(report.as_dict())
    else:
        out.print(", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in report.as_dict().items()))
        for failed in report.failures:
            out.print(f"replay it with `tideline bench exactness --seed {failed} --keep FOLDER`")
    raise typer.Exit(0 if report.holds else 1)


@bench.command()
def batch(as_json: Json = False) -> None:
    """A batch's cost at the tables with 30 days of windows in them, against an hour's.

    JSON: hour_ms, month_ms, ratio.
    """
    from tempfile import TemporaryDirectory

    from tideline.bench.batch_cost import bench_spec, measure_batch_cost

    with TemporaryDirectory(prefix="tideline-bench-") as folder:
        cost = measure_batch_cost(Path(folder), bench_spec(), progress=progress)
    if as_json:
        print_json(cost.as_dict())
    else:
        out.print(f"an hour's: {cost.hour_ms} ms a batch, 30 days': {cost.month_ms} ms, ratio {cost.ratio}")


@bench.command()
def reconcile(
    batches: Annotated[
        int, typer.Option(min=50, help="Batches of the short log; the long one has ten times as many.")
    ] = 100,
    records: Annotated[int, typer.Option(min=40, help="Records a batch.")] = 1_000,
    as_json: Json = False,
) -> None:
    """A reconciliation against a full recomputation, and against the same late events in a log ten times as long.

    JSON: cost_ratio_10x_log, share_of_full_recompute, read_ratio, long_s, short_s, full_s, late_batch_share,
    records_read, late_events.
    """
    from tempfile import TemporaryDirectory

    from tideline.bench.late_log import LateLog
    from tideline.bench.place import new_place, start_broker
    from tideline.bench.reconcile_cost import measure_reconcile

    log = LateLog(batches, records, late_batches=batches // 10, late=20)
    _end_on_sigterm()
    jars = Home.from_env().root / "jars"
    with TemporaryDirectory(prefix="tideline-bench-") as folder, new_place(Path(folder), jars) as home:
        kafka = start_broker(home).kafka
        cost = measure_reconcile(home, kafka, log, progress=progress)
    if as_json:
        print_json(cost.as_dict())
    else:
        out.print(
            f"the long log costs {cost.cost_ratio_10x_log} times the short one, {cost.share_of_full_recompute} of a "
            f"full recomputation; it reads {cost.read_ratio} times the records of the batches that dropped something"
        )


@bench.command()
def engine(
    events: Annotated[int, typer.Option(min=300_000, help="Records of the log; a third of them warms up.")] = 3_000_000,
    as_json: Json = False,
) -> None:
    """The metrics of log-metrics as one query, against the same metrics written as one Spark query each.

    JSON: events, engine_eps, naive_eps, flink_eps, limit_eps, vs_naive, vs_flink, vs_limit, metrics, rows, differences.
    Those of Flink and of the limit are null: nothing measures them in the same run.

    Exit 1 when it is less than four times as fast as a query each, or a row differs.
    """
    from tempfile import TemporaryDirectory

    from tideline.bench.batch_cost import bench_spec
    from tideline.bench.engine_speed import measure_engine
    from tideline.bench.place import new_place, start_broker

    _end_on_sigterm()
    jars = Home.from_env().root / "jars"
    with TemporaryDirectory(prefix="tideline-bench-") as folder, new_place(Path(folder), jars) as home:
        speed = measure_engine(home, start_broker(home).kafka, bench_spec(), events, progress)
    if as_json:
        print_json(speed.as_dict())
    else:
        out.print(
            f"{speed.metrics} metrics as one query: {speed.engine_eps} events a second, as a query each: "
            f"{speed.naive_eps}, ratio {speed.vs_naive}; of {speed.rows} rows {speed.differences} differ"
        )
    raise typer.Exit(0 if speed.holds else 1)


@bench.command()
def recovery(
    kills: Annotated[int, typer.Option(min=1, help="How often the driver is killed.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the traffic, and of the moments.")] = 0,
    without_triggerer: Annotated[
        bool, typer.Option("--without-triggerer", help="The schedule of every minute alone notices.")
    ] = False,
    as_json: Json = False,
) -> None:
    """kill -9 of a driver under traffic, on a whole platform with Airflow: how fast it is seen and goes on.

    JSON: kills, watcher, detect_p95_s, detect_max_s, first_commit_p95_s, first_commit_max_s, lost, doubled,
    differences.

    Exit 1 when at the 95th percentile it is seen after more than 5 s or goes on after more than 40 s (75 s and 110 s
    without the triggerer); when a record is lost or counted twice; when a row differs.
    """
    from tempfile import TemporaryDirectory

    from tideline.bench.batch_cost import bench_spec
    from tideline.bench.place import clean_environment, new_place
    from tideline.bench.recovery import measure_recovery
    from tideline.platform.up import up

    _end_on_sigterm()
    jars = Home.from_env().root / "jars"
    with TemporaryDirectory(prefix="tideline-bench-") as folder, new_place(Path(folder), jars) as home:
        settings = up(home, environ=clean_environment())
        found = measure_recovery(home, settings, bench_spec(), kills, seed, not without_triggerer, progress)
    if as_json:
        print_json(found.as_dict())
    else:
        out.print(", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in found.as_dict().items()))
    raise typer.Exit(0 if found.holds else 1)


@bench.command()
def hostile(as_json: Json = False) -> None:
    """Hostile records of half a megabyte and of a whole one: quotes, escapes, deep JSON, bytes that are no text.

    JSON: worst, ratio, milliseconds {format: {kind: [half, whole]}}.

    Exit 1 when twice the length costs more than three times the time.
    """
    from tideline.bench.hostile import measure_hostile
    from tideline.bench.hostile_records import FORMATS, KINDS

    cost = measure_hostile(progress=progress)
    if as_json:
        print_json(cost.as_dict())
    else:
        out.print(
            f"of {len(KINDS)} kinds in {len(FORMATS)} formats twice the length costs {cost.ratio} times as much at "
            f"most: {', '.join(cost.worst)}"
        )
    raise typer.Exit(0 if cost.holds else 1)


@bench.command()
def fleet(
    streams: Annotated[int, typer.Option(min=1, max=999, help="How many streams the keeper has.")] = 100,
    as_json: Json = False,
) -> None:
    """A tick of the keeper over many streams, and the parsing of the DAG files; drivers pretend, the rest is real.

    JSON: streams, tick_s, dags_parse_s, not_stable.

    Exit 1 when for each hundred streams a tick takes 10 s or the parsing 2 s, or when a stream is not STABLE.
    """
    from tempfile import TemporaryDirectory

    from tideline.bench.fleet import measure_fleet
    from tideline.bench.place import clean_environment, new_place
    from tideline.platform.up import up

    _end_on_sigterm()
    jars = Home.from_env().root / "jars"
    with TemporaryDirectory(prefix="tideline-bench-") as folder, new_place(Path(folder), jars) as home:
        settings = up(home, ("database", "broker"), environ=clean_environment())
        cost = measure_fleet(home, settings, streams, progress)
    if as_json:
        print_json(cost.as_dict())
    else:
        out.print(f"a tick over {streams} streams: {cost.tick_s} s, all DAG files parsed: {cost.dags_parse_s} s")
    raise typer.Exit(0 if cost.holds else 1)


def _end_on_sigterm() -> None:
    """Or broker and drivers would outlive the bench."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
