"""How Airflow loads what is in plugins/."""

from __future__ import annotations

import json
import subprocess
import sys

from tideline.home import CHECKOUT

LOAD = """
import json, sys
from airflow import plugins_manager
loaded = plugins_manager._get_plugins()
names = [plugin.name for plugin in loaded[0]]
views = [view["name"] for view in plugins_manager._get_ui_plugins()[0]]
guards = [each["name"] for each in plugins_manager.get_fastapi_plugins()[1]]
found = {"plugins": names, "errors": loaded[1], "modules": sorted(sys.modules), "views": views, "guards": guards}
print(json.dumps(found))
"""
PACKAGE = {file.stem for file in (CHECKOUT / "plugins" / "tideline_airflow").glob("*.py")} - {"__init__"}


def loaded() -> dict[str, list[str]]:
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True, timeout=120)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_airflow_loads_the_plugin_and_nothing_under_a_bare_name() -> None:
    found = loaded()
    assert "tideline" in found["plugins"]
    assert not found["errors"]
    assert not PACKAGE & set(found["modules"])
    assert (found["views"], found["guards"]) == (["Streams"], ["Same origin only"])
