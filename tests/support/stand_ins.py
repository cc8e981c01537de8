"""The images of a test's box: Tideline's own, and what stands in for images that only a public registry has."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from support.docker_engine import Engine, run
from support.platform import jars
from support.records import CHECKOUT

BASE: Final = "tideline-test/base:bookworm"
TIDELINE: Final = "tideline-test/tideline:built"
FOLDER: Final = CHECKOUT / "tests" / "compose" / "stand_ins"
_INCLUDED: Final = "python3,python3-venv,ca-certificates,wget"


def image(name: str) -> str:
    return f"tideline-test/{name}:stand-in"


def build_images(engine: Engine) -> dict[str, str]:
    """The variables by which docker-compose.yaml names all of them."""
    if not engine.has_image(BASE):
        make_base(engine)
    engine.build(TIDELINE, CHECKOUT, {"BASE": BASE})
    for name in ("postgres", "prometheus", "pushgateway"):
        engine.build(image(name), FOLDER / name, {"BASE": BASE})
    engine.build(image("grafana"), FOLDER / "grafana", {"TIDELINE": TIDELINE})
    build_kafka(engine)
    others = ("kafka", "postgres", "prometheus", "pushgateway", "grafana")
    own = {"TIDELINE_IMAGE": TIDELINE, "TIDELINE_BASE_IMAGE": BASE}
    return own | {f"TIDELINE_{name.upper()}_IMAGE": image(name) for name in others}


def make_base(engine: Engine) -> None:
    """Debian's own base system with its Python, in place of python:3.11-slim-bookworm."""
    with tempfile.TemporaryDirectory() as place:
        root, archive = Path(place) / "root", Path(place) / "base.tar"
        command = ["debootstrap", "--variant=minbase", f"--include={_INCLUDED}", "bookworm", str(root)]
        run(command, engine.environ, 1800)
        run(["tar", "-C", str(root), "-cf", str(archive), "."], engine.environ, 600)
        engine.docker("import", str(archive), BASE)


def build_kafka(engine: Engine) -> None:
    """The jars are those that the platform on one machine runs."""
    with tempfile.TemporaryDirectory() as place:
        context = Path(place) / "kafka"
        shutil.copytree(FOLDER / "kafka", context)
        shutil.copytree(jars() / "broker", context / "jars")
        engine.build(image("kafka"), context, {"TIDELINE": TIDELINE})
