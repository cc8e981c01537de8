"""Reads stream specs and says all that is wrong with one, each with its place in the file.

Importing this is cheap, and so is `spec_names`: Airflow asks for the names whenever it parses a DAG file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tideline.errors import UserError
from tideline.home import CHECKOUT, spec_folder
from tideline.spec.file_text import file_text
from tideline.spec.problems import Problem, SpecError, did_you_mean

if TYPE_CHECKING:
    from tideline.spec.job import Spec
    from tideline.spec.model import StreamSpec
    from tideline.spec.yaml_text import Text

__all__ = ["SpecError", "find_spec", "load_any_spec", "load_spec", "parse_spec", "spec_names", "validated"]

SUFFIX: Final = ".yaml"
DEPLOYED: Final = "spec.yaml"
"""What a stream's home calls its copy: the one file whose name is not the stream's."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def spec_names(folder: Path | None = None) -> list[str]:
    """The streams there are, by the names of their files; no file is opened."""
    specs = (folder or spec_folder()).glob(f"*{SUFFIX}")
    return sorted(path.stem for path in specs if _is_spec(path))


def misnamed_specs(folder: Path | None = None) -> list[Path]:
    """Files that look like specs and are none for their names: another ending, or a name no stream can have."""
    found = (folder or spec_folder()).glob("*")
    return sorted(path for path in found if path.suffix.lower() in (".yaml", ".yml") and not _is_spec(path))


def _is_spec(path: Path) -> bool:
    return path.suffix == SUFFIX and _NAME.fullmatch(path.stem) is not None


def find_spec(name: str, folder: Path | None = None) -> Path:
    """The file of a stream, given by its name or as a path."""
    place = folder or spec_folder()
    if name.endswith((".yaml", ".yml")) or os.sep in name:
        if not Path(name).is_file():
            raise UserError(f"there is no spec file {name}", f"streams are looked for in {_shown(place)}")
        return Path(name)
    path = place / f"{name}{SUFFIX}"
    if not path.is_file():
        hint = did_you_mean(name, spec_names(place)) or "there are no specs yet"
        raise UserError(f"there is no stream '{name}' in {_shown(place)}", hint)
    return path


def load_spec(path: Path) -> StreamSpec:
    """The metrics' spec in a file, see `load_any_spec`; UserError for that of a job, which has no metrics."""
    return _of_metrics(load_any_spec(path))


def load_any_spec(path: Path) -> Spec:
    """The spec in a file; SpecError names every problem, UserError says that the file cannot be read."""
    shown = _shown(path)
    return _parse(file_text(path, shown), shown, None if path.name == DEPLOYED else path.stem)


def parse_spec(text: str, name: str) -> StreamSpec:
    """The metrics' spec in a text; `name` is what its problems call the text."""
    return _of_metrics(_parse(text, name, None))


def validated(data: Any) -> Spec:
    """The spec that was checked before and kept as data."""
    from tideline.spec.job import ENTRYPOINT, JobSpec
    from tideline.spec.model import StreamSpec

    return JobSpec.model_validate(data) if ENTRYPOINT in data else StreamSpec.model_validate(data)


def _of_metrics(spec: Spec) -> StreamSpec:
    from tideline.spec.job import JobSpec

    if isinstance(spec, JobSpec):
        raise UserError(f"stream '{spec.name}' runs {spec.entrypoint}: it has no metrics", "name a stream that has")
    return spec


def _parse(text: str, shown: str, file_stem: str | None) -> Spec:
    """`file_stem` is what the stream must be called, if anything."""
    from tideline.spec.spark_files import spark_file_problems
    from tideline.spec.yaml_text import read_yaml

    read = read_yaml(text)
    if isinstance(read, Problem):
        raise SpecError(shown, text, [read])
    if not isinstance(read.data, dict):
        raise SpecError(shown, text, [read.at_value((), "a spec is keys with values", "such as `name: log-metrics`")])
    if pieces := list(read.pieces()):
        raise SpecError(shown, text, pieces)
    spec, problems = _validate_job(read) if "entrypoint" in read.data else _validate(read)
    problems += [*read.doubled_keys(), *read.changed_numbers(("arguments",))]
    problems += read.changed_numbers(("spark", "configuration"))
    stream = read.data.get("name")
    if file_stem and isinstance(stream, str) and stream != file_stem:
        hint = f"call the stream '{file_stem}', or the file {stream}{SUFFIX}"
        problems.append(read.at_value(("name",), f"stream '{stream}' stands in a file of another name", hint))
    if file_stem and spec is not None:  # of one that was deployed the books are read without its jars
        problems += spark_file_problems(spec, read)
    if spec is None or problems:
        raise SpecError(shown, text, problems)
    return spec


def _validate_job(text: Text) -> tuple[Spec | None, list[Problem]]:
    from pydantic import ValidationError

    from tideline.spec.job import JobSpec, entrypoints
    from tideline.spec.model_errors import model_problems
    from tideline.spec.neighbours import usurpers, wrong_neighbour
    from tideline.spec.parts import FROM_A_FILE

    try:
        spec = JobSpec.model_validate(text.data, context=FROM_A_FILE)
    except ValidationError as error:
        return None, list(model_problems(error, text, told=False, model=JobSpec))
    file = CHECKOUT / spec.entrypoint
    if file.is_file():
        return spec, [text.at_value(("entrypoint",), *wrong_neighbour(path)) for path in usurpers(file)]
    hint = did_you_mean(spec.entrypoint, entrypoints(), "there are")
    return None, [text.at_value(("entrypoint",), f"there is no file {spec.entrypoint}", hint)]


def _validate(text: Text) -> tuple[Spec | None, list[Problem]]:
    """What the columns say and what the model says; the model's word on a whole metric adds nothing to the former."""
    from pydantic import ValidationError

    from tideline.spec.detector_checks import detector_problems
    from tideline.spec.late_data_checks import late_data_problems
    from tideline.spec.metric_checks import metric_problems
    from tideline.spec.model import StreamSpec
    from tideline.spec.model_errors import model_problems
    from tideline.spec.parts import FROM_A_FILE
    from tideline.spec.planning import planning_problems
    from tideline.spec.sink_checks import sink_problems
    from tideline.spec.source_checks import source_problems

    checks = (source_problems, metric_problems, detector_problems, late_data_problems, sink_problems)
    problems = [problem for check in checks for problem in check(text)]
    try:
        spec = StreamSpec.model_validate(text.data, context=FROM_A_FILE)
    except ValidationError as error:
        return None, [*problems, *model_problems(error, text, bool(problems))]
    return spec, problems or list(planning_problems(spec, text))


def _shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    here = Path.cwd()
    full = path.resolve()
    return str(full.relative_to(here)) if full.is_relative_to(here) else str(path)
