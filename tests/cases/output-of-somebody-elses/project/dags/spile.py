from airflow.sdk import DAG
