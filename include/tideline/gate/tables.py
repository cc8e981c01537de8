"""Published tables against what is expected of them, and against the ledger."""

from __future__ import annotations

from pathlib import Path

from tideline.engine.relations import within
from tideline.gate.corrections import table_frame
from tideline.gate.rules_file import load_rules
from tideline.gate.suites import Frame, Validation, validate
from tideline.gate.tie import ledger_frame
from tideline.home import Home
from tideline.spec.model import StreamSpec
from tideline.stream_books import deployed_spec
from tideline.tables.books import read_eras
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables


def check_tables(home: Home, stream: str, run: str, folder: Path | None = None) -> Validation:
    """Validates every published table of a deployed stream; `run` names the validation in the Data Docs."""
    spec = deployed_spec(home, stream)
    frames = table_frames(StreamTables(home.tables(stream)), spec, folder)
    return validate(home.stream(stream).validations, "tables", frames, run)


def table_frames(tables: StreamTables, spec: StreamSpec, folder: Path | None = None) -> list[Frame]:
    """Each era's rows by its own spec, the users' expectations of the newest one's, and the tie to the ledger."""
    own, eras = load_rules(spec, folder).tables, read_eras(tables, spec)
    frames = []
    for era in eras:
        for name in era.spec.metrics:
            rows = read_published(tables.published(name))
            if rows is not None:
                rules = own.get(name, ()) if era is eras[-1] else ()
                frames.append(table_frame(era, name, within(rows, era.bounds), rules))
    return [*frames, ledger_frame(tables, spec)]
