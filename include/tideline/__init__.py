"""The core of Tideline, which both sides share. It knows neither Airflow nor Spark."""

__version__ = "0.1.0"
