"""The environment of everything the platform hosts: chosen, not inherited."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tideline.home import Home, notify_file, spec_folder
from tideline.hosts import HOST, Hosts
from tideline.kafka_file import kafka_file
from tideline.platform.java import JavaHome
from tideline.platform.processes import MARK

_PASSED = frozenset({"HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"})


def without_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """What a driver is given: what it may know of Kafka it finds in a file, and it asks no database."""
    return {
        name: value for name, value in environment.items() if not (name.startswith("TIDELINE_") and "PASSWORD" in name)
    }


def environment(home: Home, java: JavaHome, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """A setting of the caller's shell, say of another Airflow, must not reach ours."""
    passed = {k: v for k, v in environ.items() if k in _PASSED or k.startswith("TIDELINE_")}
    no_proxy = ",".join(Hosts.load(environ).names)
    path = (Path(sys.executable).parent, java.path / "bin", environ.get("PATH", os.defpath))
    return passed | {
        "PATH": os.pathsep.join(map(str, path)),
        "LANG": "C.UTF-8",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        "TIDELINE_HOME": str(home.root),
        "TIDELINE_STREAMS": str(spec_folder(environ).resolve()),
        "TIDELINE_KAFKA": str(kafka_file(environ).resolve()),
        "TIDELINE_NOTIFY": str(notify_file(environ).resolve()),
        MARK: str(home.root),
        "SPT_NOENV": "1",  # or the parts' new titles would write over the mark
        "AIRFLOW_HOME": str(home.root / "airflow"),
        "JAVA_HOME": str(java.path),
        "SPARK_LOCAL_IP": HOST,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }
