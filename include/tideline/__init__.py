"""The core of Tideline: what the control plane and the data plane share. It knows neither Airflow nor Spark."""
