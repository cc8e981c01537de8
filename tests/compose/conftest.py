"""The image is built and the box is up once; the tests tell the story in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.box import Box, running_box
from support.docker_engine import Engine, NoEngine, docker_engine
from support.records import CHECKOUT
from support.stand_ins import build_images


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    try:
        with docker_engine(CHECKOUT / ".tideline" / "docker") as engine:
            yield engine
    except NoEngine as error:
        pytest.fail(f"nothing was tested: {error}", pytrace=False)


@pytest.fixture(scope="session")
def images(engine: Engine) -> dict[str, str]:
    return build_images(engine)


@pytest.fixture(scope="session")
def box(engine: Engine, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running_box(engine, images, tmp_path_factory.mktemp("box")) as box:
        yield box
