"""What the keeper works with."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tideline.home import Home
from tideline.keeper.launch import BuildLaunch
from tideline.launcher.base import Launcher
from tideline.registry.store import Registry


@dataclass(frozen=True)
class Tools:
    """The stream's files, the registry, the launcher, and how a driver's command is made."""

    home: Home
    registry: Registry
    launcher: Launcher
    build: BuildLaunch
    jitter: Callable[[], float] = random.random
