"""The local platform: database, broker and Airflow, hosted by supervisor on one machine."""
