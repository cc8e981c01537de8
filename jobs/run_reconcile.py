"""Entry point for spark-submit: reconciles one stream; see `tideline_spark.reconcile_job`."""

from __future__ import annotations

import sys

from tideline_spark.reconcile_job import main

sys.exit(main())
