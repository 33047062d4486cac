"""Loads a file of definitions as Dagster does, and prints as JSON what it contains and what its last runs left.

`python assets.py FILE` describes it; `python assets.py FILE JOB [KEY..]` runs a job, or only these assets of it, with the
instance in `DAGSTER_HOME`.
"""

import datetime
import json
import sys

import dagster as dg
from dagster._core.workspace.autodiscovery import loadable_targets_from_python_file
from dagster._utils.schedules import schedule_execution_time_iterator

[target] = loadable_targets_from_python_file(sys.argv[1])
repository = target.target_definition.get_repository_def()


def ticks(schedule):
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc).timestamp()
    times = schedule_execution_time_iterator(start, schedule.cron_schedule, schedule.execution_timezone)
    return [next(times).astimezone(datetime.timezone.utc).isoformat() for _ in range(2)]


def names(keys):
    return sorted(key.to_user_string() for key in keys)


def schedule(schedule):
    context = dg.build_schedule_context(scheduled_execution_time=datetime.datetime(2026, 1, 2))
    return {
        "cron": schedule.cron_schedule,
        "timezone": schedule.execution_timezone,
        "status": schedule.default_status.value,
        "ticks": ticks(schedule),
        "job": schedule.job_name,
        "requests": len(schedule.evaluate_tick(context).run_requests),
        "assets": names(repository.get_job(schedule.job_name).asset_layer.asset_graph.materializable_asset_keys),
    }


def asset(key):
    node = repository.asset_graph.get(key)
    definition = repository.assets_defs_by_key[key]
    policy = node.freshness_policy_or_from_metadata
    return {
        "description": node.description,
        "tags": dict(node.tags),
        "table": node.metadata.get("dagster/table_name"),
        "pool": definition.node_def.pool,
        "retries": definition.node_def.retry_policy.max_retries,
        "subset": definition.can_subset,
        "late": policy and policy.fail_window.to_timedelta().total_seconds(),
    }


def run(job, keys):
    instance = dg.DagsterInstance.get()
    chosen = [dg.AssetKey.from_user_string(key) for key in keys] or None
    job = repository.get_job(job)
    result = job.execute_in_process(instance=instance, raise_on_error=False, asset_selection=chosen)
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    said = [failure.user_failure_data for failure in failures]
    return {
        "success": result.success,
        "materialized": latest(instance),
        "failures": [{"text": one and one.description, "metadata": metadata(one)} for one in said],
    }


def metadata(one):
    return {key: getattr(value, "value", None) for key, value in (one.metadata if one else {}).items()}


def latest(instance):
    found = {}
    for key in repository.asset_graph.materializable_asset_keys:
        event = instance.get_latest_materialization_event(key)
        if event:
            found[key.to_user_string()] = metadata(event.asset_materialization)
    return found


if len(sys.argv) > 2:
    answer = run(sys.argv[2], sys.argv[3:])
else:
    answer = {
        "schedules": {one.name: schedule(one) for one in repository.schedule_defs},
        "assets": {key.to_user_string(): asset(key) for key in repository.asset_graph.materializable_asset_keys},
    }
print(json.dumps(answer, sort_keys=True))
