"""Entry point for spark-submit: runs one stream of metrics; see `tideline_spark.driver`."""

from __future__ import annotations

from tideline_spark.driver import main
from tideline_spark.entry import leave

leave(main())
