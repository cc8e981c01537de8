"""The exporter as a process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path


def test_a_port_that_is_taken_ends_it_with_a_line_of_json(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "tideline.exporter.service"],
            env=os.environ | {"TIDELINE_HOME": str(tmp_path), "TIDELINE_EXPORTER_PORT": port},
            capture_output=True,
            text=True,
            check=False,
        )
    (said,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, said["level"]) == (2, "ERROR")
    assert f"port {port} cannot be had" in said["message"]
    assert "set TIDELINE_EXPORTER_PORT to a free port" in said["message"]
