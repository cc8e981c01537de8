"""The Airflow side of Tideline: operators, triggers and the calls that build a spark-submit."""
