"""Files beside a job's entrypoint that would take the place of modules which Python, Spark or Tideline need.

Python puts the folder of the file that it runs before everything else: what lies there can be imported by the job, and
is found first by everybody.
"""

from __future__ import annotations

import sys
import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

from tideline.errors import UserError
from tideline.home import CHECKOUT
from tideline.spec.job import JobSpec

_OWN: Final = {
    CHECKOUT / "include" / "tideline",
    CHECKOUT / "jobs" / "tideline_spark",
    CHECKOUT / "plugins" / "tideline_airflow",
}


def require_entrypoint(spec: JobSpec) -> Path:
    """The job's file; UserError when it is gone since its spec was checked, or has got a neighbour that would break
    it."""
    file = CHECKOUT / spec.entrypoint
    if not file.is_file():
        raise UserError(f"the entrypoint of '{spec.name}' is gone: {file}", "put it back, or deploy another spec")
    for path in usurpers(file):
        raise UserError(*wrong_neighbour(path))
    return file


def usurpers(entrypoint: Path) -> list[Path]:
    """The modules and packages in the entrypoint's folder, itself included, that bear the name of another one."""
    folder = entrypoint.resolve().parent
    packages = {file.parent for file in folder.glob("*/__init__.py")} - _OWN
    return sorted(path for path in {*folder.glob("*.py"), *packages} if _is_taken(path.stem))


def _is_taken(name: str) -> bool:
    own = {package.name for package in _OWN}
    installed = [sysconfig.get_path(place) for place in ("purelib", "platlib")]
    return name in own | sys.stdlib_module_names or PathFinder.find_spec(name, installed) is not None


def wrong_neighbour(path: Path) -> tuple[str, str]:
    """What is wrong with a usurper, and the fix."""
    return (
        f"{path.name} lies where the job is looked for first, and takes the place of the module '{path.stem}'",
        f"call {path} something else",
    )
