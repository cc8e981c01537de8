"""Great Expectations at work: tables against their rules, with a page of the Data Docs for each.

Its files lie in the stream's home. It is loaded when it is needed: that takes seconds.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from tideline.gate.rules import Rule

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.data_context import FileDataContext
    from great_expectations.expectations.expectation import Expectation

DOCS: Final = Path("gx", "uncommitted", "data_docs", "local_site")
"""Where the Data Docs lie in the folder of `validate`."""
_SHOWN: Final = 3


@dataclass(frozen=True)
class Frame:
    """Rows to be looked at; `name` is that of the suite's page, `row` the columns that name a row."""

    name: str
    rows: pa.Table
    rules: Sequence[Rule]
    row: Sequence[str]


@dataclass(frozen=True)
class Validation:
    """What was found: one line a rule that does not hold, and the page that shows it, a path within the Data Docs."""

    failures: tuple[str, ...]
    page: str | None = None


PASSED: Final = Validation(())


def validate(folder: Path, kind: str, frames: Sequence[Frame], run: str) -> Validation:
    """Validates each frame that has rows; `kind` and the frame's name are its suite's, `run` names the run.

    The page is that of the first frame that failed, else of the first.
    """
    failures: list[str] = []
    pages: list[tuple[bool, str]] = []
    with _one_at_a_time(folder):
        context = _context(folder)
        for frame in frames:
            if len(frame.rows):
                found = _validate_frame(context, f"{kind}.{frame.name}", frame, run)
                failures += found
                pages.append((not found, _newest_page(context, f"{kind}.{frame.name}")))
    return Validation(tuple(failures), min(pages)[1] if pages else None)


def _validate_frame(context: FileDataContext, suite_name: str, frame: Frame, run: str) -> list[str]:
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier

    source = context.data_sources.add_or_update_pandas("tideline")
    batch = source.add_dataframe_asset(frame.name).add_batch_definition_whole_dataframe("all")
    suite = gx.ExpectationSuite(suite_name, expectations=[as_expectation(rule) for rule in frame.rules])
    definition = gx.ValidationDefinition(name=suite_name, data=batch, suite=context.suites.add_or_update(suite))
    result = context.validation_definitions.add_or_update(definition).run(
        batch_parameters={"dataframe": frame.rows.to_pandas()},
        run_id=RunIdentifier(run_name=run),
        result_format={"result_format": "SUMMARY", "unexpected_index_column_names": list(frame.row)},
    )
    return [f"{frame.name}: {_failure(each, frame.row)}" for each in result.results if not each.success]


def _failure(result: ExpectationValidationResult, row: Sequence[str]) -> str:
    """One line: the rule, how many rows break it, and the first of them."""
    config, found = result.expectation_config, result.result
    assert config is not None
    arguments = ", ".join(f"{key} {value}" for key, value in sorted(config.kwargs.items()) if key != "batch_id")
    rule = f"{config.type} ({arguments})"
    if not found:
        return f"{rule}: {_exception(result)}"
    if "unexpected_count" not in found:
        return f"{rule}: found {found.get('observed_value')}"
    where = [_named(each, row) for each in found.get("partial_unexpected_index_list", [])[:_SHOWN]]
    return f"{rule}: {found['unexpected_count']} of {found['element_count']} rows, such as {'; '.join(where)}"


def _named(found: dict[str, Any], row: Sequence[str]) -> str:
    values = {key: value for key, value in found.items() if key not in row}
    shown = "" if not values else " has " + ", ".join(f"{key} {value}" for key, value in values.items())
    return ", ".join(str(found[key]) for key in row if key in found) + shown


def _exception(result: ExpectationValidationResult) -> str:
    said = result.exception_info
    infos = [said] if "exception_message" in said else list(said.values())
    return "; ".join(sorted({str(info["exception_message"]).strip() for info in infos}))


def _newest_page(context: FileDataContext, suite: str) -> str:
    """Builds the page of the suite's newest validation, and the index; its path within the Data Docs."""
    keys = [
        key for key in context.validation_results_store.list_keys() if key.expectation_suite_identifier.name == suite
    ]
    newest = max(keys, key=lambda key: key.run_id.run_time)
    context.build_data_docs(resource_identifiers=[newest])
    return "/".join(("validations", *newest.to_tuple())) + ".html"


def _context(folder: Path) -> FileDataContext:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # it would tell its makers
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="file", project_root_dir=str(folder))
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def known_expectations() -> frozenset[str]:
    """The names of all expectations there are."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations  # noqa: F401  # registers its own
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    return frozenset(list_registered_expectation_implementations())


def as_expectation(rule: Rule) -> Expectation:
    """The rule as Great Expectations has it; ValueError when the arguments are not its own."""
    from great_expectations.expectations.registry import get_expectation_impl

    return get_expectation_impl(rule.expectation)(**rule.arguments)
