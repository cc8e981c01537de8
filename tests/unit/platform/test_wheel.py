"""What is installed elsewhere has all that the pages are made of."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tideline.home import CHECKOUT

PAGES = CHECKOUT / "plugins" / "tideline_airflow"


def test_the_wheel_has_the_pages_templates_and_files(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    files = [*(PAGES / "templates").rglob("*"), *(PAGES / "static").rglob("*")]
    wanted = {str(file.relative_to(PAGES.parent)) for file in files if file.is_file()}
    assert {"tideline_airflow/static/uplot/LICENSE", "tideline_airflow/templates/fleet.html"} <= wanted
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())
