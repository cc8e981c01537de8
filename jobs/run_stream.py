"""Entry point for spark-submit: runs one stream of metrics; see `tideline_spark.driver`."""

from __future__ import annotations

from tideline_spark.session_start import session_start

session_start.begin()  # before the imports below, which take as long

from tideline_spark.driver import main  # noqa: E402
from tideline_spark.entry import leave  # noqa: E402

leave(main())
