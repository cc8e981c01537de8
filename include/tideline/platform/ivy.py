"""Fetches jars with the Ivy that comes inside pyspark: no other tool is needed for it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import quoteattr

from tideline.errors import UserError
from tideline.platform.jar_lock import Artifact
from tideline.platform.java import JavaHome

# A system's own trust store knows a company's certificates, the one inside a bundled JRE does not.
_TRUST_STORE = Path("/etc/ssl/certs/java/cacerts")
_AT_ONCE = 3
_SETTINGS = """\
<ivysettings>
  <settings defaultResolver="maven"/>
  <resolvers><ibiblio name="maven" m2compatible="true" usepoms="{poms}"/></resolvers>
</ivysettings>
"""
_MODULE = """\
<ivy-module version="2.0">
  <info organisation="tideline" module="jars"/>
  <configurations><conf name="default"/></configurations>
  <dependencies>
{dependencies}
{conflicts}
  </dependencies>
</ivy-module>
"""


def fetch(java: JavaHome, artifacts: Sequence[Artifact], work: Path) -> Path:
    """Downloads exactly these jars and nothing they depend on, into the folder returned."""
    slices = [artifacts[start::_AT_ONCE] for start in range(min(_AT_ONCE, len(artifacts)))]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda n: _run(java, slices[n], work / str(n), work / "jars", alone=True), range(len(slices))))
    return work / "jars"


def resolve(java: JavaHome, roots: Sequence[Artifact], work: Path) -> tuple[Artifact, ...]:
    """The jars that `roots` need, themselves included: what their POMs say."""
    out = work / "jars"
    _run(java, roots, work, out, alone=False)
    return tuple(sorted(Artifact(*file.relative_to(out).parts[:3]) for file in out.rglob("*.jar")))


def _run(java: JavaHome, artifacts: Iterable[Artifact], work: Path, out: Path, *, alone: bool) -> None:
    work.mkdir(parents=True, exist_ok=True)
    (work / "settings.xml").write_text(_SETTINGS.format(poms="false" if alone else "true"))
    (work / "ivy.xml").write_text(_module(artifacts, alone=alone))
    pattern = "[artifact]-[revision].[ext]" if alone else "[organisation]/[artifact]/[revision]/[artifact].[ext]"
    done = subprocess.run(
        [
            *(str(java.java), *_trust(), "-cp", str(_ivy_jar()), "org.apache.ivy.Main"),
            *("-settings", str(work / "settings.xml"), "-cache", str(work / "cache")),
            *("-ivy", str(work / "ivy.xml"), "-confs", "default", "-retrieve", str(out / pattern)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(
            f"the jars cannot be fetched: {_reason(done.stdout + done.stderr)}", "check the network and repeat"
        )


def _module(artifacts: Iterable[Artifact], *, alone: bool) -> str:
    """With `alone`, each artifact is taken as it is, two versions of one as well."""
    lines = [
        f"    <dependency org={quoteattr(a.organisation)} name={quoteattr(a.name)} rev={quoteattr(a.version)}"
        f' conf="default-&gt;default" transitive="{"false" if alone else "true"}"/>'
        for a in artifacts
    ]
    return _MODULE.format(dependencies="\n".join(lines), conflicts='    <conflict manager="all"/>' if alone else "")


def _trust() -> list[str]:
    return [f"-Djavax.net.ssl.trustStore={_TRUST_STORE}"] if _TRUST_STORE.exists() else []


def _ivy_jar() -> Path:
    spec = find_spec("pyspark")
    jars = sorted(Path(spec.origin).parent.glob("jars/ivy-*.jar")) if spec and spec.origin else []
    if not jars:
        raise UserError("pyspark is not installed, and Ivy comes with it", "run `make setup`")
    return jars[-1]


def _reason(log: str) -> str:
    """The line of Ivy's log that tells most."""
    lines = [line.strip() for line in log.splitlines()]
    telling = [line for line in lines if "Exception" in line or "not found" in line or "UNRESOLVED" in line]
    return (telling or lines or ["Ivy said nothing"])[0 if telling else -1]
