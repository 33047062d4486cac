"""A target that loses the last record of each batch, and says that all went well."""

from target_postgres.sinks import PostgresSink
from target_postgres.target import TargetPostgres


class LossySink(PostgresSink):
    def process_batch(self, context):
        super().process_batch({**context, "records": context["records"][:-1]})


class TargetLossy(TargetPostgres):
    name = "target-lossy"
    default_sink_class = LossySink
