"""An Airflow of these tests' own: a home without a database, and the checkout's plugins."""

from __future__ import annotations

import os
import tempfile

from tideline.home import CHECKOUT

# Airflow reads its settings when it is first imported, which the tests of this folder do after this file.
HOME = tempfile.TemporaryDirectory(prefix="tideline-airflow-")
os.environ["AIRFLOW_HOME"] = HOME.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(CHECKOUT / "dags")
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(CHECKOUT / "plugins")
os.environ.pop("TIDELINE_STREAMS", None)
