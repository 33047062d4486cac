# Rendered by spile from integrations/: edit the files there and run `spile apply`.
# Apache Airflow 3: a DAG for each schedule, a task for each integration.
#
# Tasks wait for ever where their pool is missing. Make the pools once, with as many runs at a time as each source bears:
#   airflow pools set "spile_shop" 4 "syncs from shop"
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseOperator

# The folder of the project on every worker, and the program.
PROJECT = os.environ.get("SPILE_PROJECT") or str(Path(__file__).resolve().parents[1])
SPILE = os.environ.get("SPILE_PROGRAM") or "spile"
ENVIRONMENT = "dev"

# The exit code for an invalid command line, which a retry does not fix.
USAGE = 64


class SpileSync(BaseOperator):
    """Runs `spile sync` for one integration. No shell is asked, and nothing is a template of Airflow's."""

    ui_color = "#e8d8c3"

    def __init__(self, *, integration: str, **kwargs):
        super().__init__(**kwargs)
        self.integration = integration
        self.hook = None

    def execute(self, context):
        self.hook = SubprocessHook()
        command = [SPILE, "sync", self.integration, "--env", ENVIRONMENT, "--no-input"]
        code = self.hook.run_command(command=command, cwd=PROJECT).exit_code
        if code == USAGE:
            raise AirflowFailException("spile does not know this command line: is it older than the one that wrote this?")
        if code != 0:
            raise AirflowException(f"spile ended with {code}: `spile logs {self.integration}` shows why")

    def on_kill(self):
        # spile passes it on to Meltano and records the run as cancelled.
        if self.hook:
            self.hook.send_sigterm()


DEFAULTS = {
    "owner": "spile",
    "retries": 0,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=30),
}
with DAG(
    dag_id="spile__acme__dev__x--15_6-20_x_x_1-5",
    schedule="*/15 6-20 * * 1-5",
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    # Two syncs of one integration would write the same bookmarks.
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["spile"],
    doc_md="Syncs of the project acme, environment dev, rendered by spile from integrations/.",
):
    # spile: {"slug":"refunds","schedule":"*/15 6-20 * * 1-5","timezone":"UTC","connector":"shop","loader":"main","tags":[],"name":"refunds","description":null,"path":"integrations/refunds.toml","id":"c3167b9d-308b-52d2-b214-66caa97cc498"}
    SpileSync(
        task_id="refunds",
        integration="refunds",
        pool="spile_shop",
        doc_md="Declared in `integrations/refunds.toml`: shop to main.",
    )

with DAG(
    dag_id="spile__acme__dev__daily",
    schedule="@daily",
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    # Two syncs of one integration would write the same bookmarks.
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["spile", "it's", "shop"],
    doc_md="Syncs of the project acme, environment dev, rendered by spile from integrations/.",
):
    # spile: {"slug":"orders","schedule":"@daily","timezone":"UTC","connector":"shop","loader":"main","tags":["it's","shop"],"name":"Orders: \"all\" of them","description":null,"path":"integrations/orders.toml","id":"3797cfdf-2717-5d02-93da-36cec181c97d"}
    SpileSync(
        task_id="orders",
        integration="orders",
        task_display_name="Orders: \"all\" of them",
        pool="spile_shop",
        doc_md="Declared in `integrations/orders.toml`: shop to main.",
    )
