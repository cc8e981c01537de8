# The image of all of Tideline's own containers; docker-compose.yaml says which part each of them runs.
# Needs BuildKit. Behind a proxy that has certificates of its own, hand them over for the build alone:
#   docker build --secret id=certificates,src=/etc/ssl/certs/ca-certificates.crt \
#                --secret id=java-certificates,src=/etc/ssl/certs/java/cacerts .
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /opt/tideline
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    UV_LINK_MODE=copy \
    TIDELINE_HOME=/opt/tideline/.tideline

# The packages, by the lock and its hashes. What tests and checks alone need goes at the end of the stage.
COPY requirements.lock ./
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv .venv && \
    sed -n '/^uv==/,/[^\\]$/p' requirements.lock > /tmp/uv.txt && \
    .venv/bin/python -m pip install --quiet --require-hashes -r /tmp/uv.txt && \
    .venv/bin/uv pip install --quiet --system-certs --compile-bytecode --require-hashes -r requirements.lock

# The jars of every driver's class path, by their lock. What fetches them is named, so that other code fetches none anew.
COPY include/platform/jars.lock include/platform/
COPY include/tideline/__init__.py include/tideline/errors.py include/tideline/home.py include/tideline/
COPY include/tideline/platform/__init__.py include/tideline/platform/ivy.py include/tideline/platform/jar_lock.py \
     include/tideline/platform/jars.py include/tideline/platform/java.py include/tideline/platform/
RUN --mount=type=secret,id=java-certificates,target=/etc/ssl/certs/java/cacerts \
    PYTHONPATH=include .venv/bin/python -m tideline.platform.jars spark

COPY . .
RUN .venv/bin/uv pip install --quiet --offline --no-deps --no-build-isolation -e . && \
    .venv/bin/python -m compileall -q include jobs plugins dags && \
    .venv/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"])' \
      | sed 's/==[^ ]*//g' | xargs .venv/bin/uv pip uninstall --quiet

FROM ${BASE}
LABEL org.opencontainers.image.title="Tideline" \
      org.opencontainers.image.description="Keeps Spark streams running under Apache Airflow, and makes their tables right from Kafka offsets" \
      org.opencontainers.image.version="0.1.0"
# The state's folder is made here so that a new volume belongs to the account.
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin tideline && \
    install -d -o tideline -g tideline -m 0750 /var/lib/tideline
COPY --from=build /opt/tideline /opt/tideline
ENV PATH=/opt/tideline/.venv/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TIDELINE_HOME=/var/lib/tideline
WORKDIR /opt/tideline
USER tideline
HEALTHCHECK --interval=10s --timeout=10s --start-period=120s --retries=3 \
    CMD ["python", "-m", "tideline.platform.container", "healthy"]
ENTRYPOINT ["python", "-m", "tideline.platform.container"]
CMD ["run"]
