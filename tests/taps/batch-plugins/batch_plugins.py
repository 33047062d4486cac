"""A tap and a target with Meltano's SDK, which pass records in batches. The target writes a file for each stream.

Notes in the folder that the variable `TAP_FAULT_NOTES` names change what they do: `slow` has the target wait before each
batch, and `fails` makes it fail at the first one. In batches, `loses` has the tap leave out a record, and `batch-fails` makes
it fail; with `no-batch` it writes none.
"""

import json
import os
import time
from pathlib import Path

from singer_sdk import Sink, Stream, Tap, Target
from singer_sdk import typing as th

COUNT = 25_000


def has_note(name):
    return Path(os.environ.get("TAP_FAULT_NOTES", "."), name).exists()


class Things(Stream):
    """Records that continue from a bookmark, with a field that need not be selected."""

    name = "things"
    primary_keys = ("id",)
    replication_key = "id"
    is_sorted = True
    schema = th.PropertiesList(
        th.Property("id", th.IntegerType), th.Property("phone", th.StringType), th.Property("name", th.StringType)
    ).to_dict()

    def get_records(self, context):
        start = (self.get_starting_replication_key_value(context) or 0) + 1
        is_batch = bool(self.config.get("batch_config"))
        if is_batch and has_note("batch-fails"):
            raise RuntimeError("the disk is full")
        for number in range(start, start + COUNT):
            if is_batch and number == 4 and has_note("loses"):
                continue
            yield {"id": number, "phone": "555", "name": f"thing {number}"}

    def get_batch_config(self, config):
        return None if has_note("no-batch") else super().get_batch_config(config)


class TapBatch(Tap):
    name = "tap-batch"
    config_jsonschema = th.PropertiesList(th.Property("token", th.StringType)).to_dict()

    def discover_streams(self):
        return [Things(self)]


class Lines(Sink):
    """Appends the records of a batch to a file."""

    max_size = 1000

    def process_record(self, record, context):
        self.process_batch({"records": [record]})

    def process_batch(self, context):
        if has_note("fails"):
            raise RuntimeError("the disk is full")
        while has_note("slow"):
            time.sleep(0.1)
        path = Path(self.config["path"], f"{self.stream_name}.jsonl")
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.writelines(json.dumps(record) + "\n" for record in context.get("records", []))


class TargetBatch(Target):
    name = "target-batch"
    config_jsonschema = th.PropertiesList(th.Property("path", th.StringType)).to_dict()
    default_sink_class = Lines
