"""Loads a file of DAGs as Airflow does and prints as JSON what it found: `python dags.py FILE`."""

import json
import sys

from airflow.dag_processing.dagbag import DagBag

bag = DagBag(dag_folder=sys.argv[1])


def described(dag):
    tasks = [
        {
            "id": task.task_id,
            "name": task.task_display_name,
            "pool": task.pool,
            "retries": task.retries,
            "doc": task.doc_md,
            "integration": task.integration,
            "templates": list(task.template_fields),
        }
        for task in dag.tasks
    ]
    return {
        "schedule": dag.schedule,
        "timezone": str(dag.timezone),
        "cron": getattr(dag.timetable, "expression", None),
        "cron_timezone": str(getattr(dag.timetable, "timezone", None)),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "tags": sorted(dag.tags),
        "tasks": sorted(tasks, key=lambda task: task["id"]),
    }


json.dump({"errors": bag.import_errors, "dags": {id: described(dag) for id, dag in bag.dags.items()}}, sys.stdout)
