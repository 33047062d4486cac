"""Reads a tap several times in place of Meltano's test of it: once to its end, and to some of its states, from each of which
it is started again; then once more in batches, if it writes them. Runs inside Meltano, which prepares the tap as for a run.

The result is printed to standard output as one line of JSON. Records stay here, except the keys of a few.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile

from reading import Reading, continued, in_batches, picked

# The most bytes of a line.
LONGEST = 16 * 1024 * 1024
# How many seconds a killed tap may take to end.
PATIENCE = 30


class Failed(Exception):
    """Why a read did not come to its end."""


def say(event):
    print(json.dumps({"event": event, "level": "info"}), file=sys.stderr, flush=True)


class Certifier:
    """Reads a tap and compares the reads."""

    def __init__(self, asked):
        self.states = asked["states"]
        # The state that the tap is given when it starts next.
        self.state = None
        # For each selected stream how it is read, and its replication key.
        self.methods = {}
        self.catalog = []
        self.kept = None

    async def validate(self, invoker):
        try:
            answer = await self.certify(invoker)
        except Failed as why:
            return False, str(why)
        finally:
            invoker.files["state"].unlink(missing_ok=True)
        print(json.dumps({"type": "CERTIFIED", **answer}), file=sys.__stdout__, flush=True)
        return True, ""

    async def certify(self, invoker):
        say("Reading everything once")
        whole = await self.read(invoker, is_checked=True)
        # Meltano gives no state to a tap without this capability.
        marks = whole.marks if "state" in invoker.capabilities else []
        restarts = []
        for number in picked(marks, self.states) if marks else []:
            restarts.append(await self.restart(invoker, whole, number))
        batch = await self.read_batches(invoker, whole) if "batch" in invoker.capabilities else None
        return {"streams": whole.answer(), "states": len(marks), "restarts": restarts, "batch": batch}

    async def read_batches(self, invoker, whole):
        """Reads everything in batches, as a sync with `batch = true` does."""
        from meltano.core.runner import RunnerError

        say("Reading everything in batches")
        folder = tempfile.mkdtemp(prefix="batches-", dir=os.path.dirname(os.path.abspath(__file__)))
        batches = sys.modules["__main__"].Batches({"folder": folder})
        batches.look_at(self.catalog)
        settings = invoker.files["config"].read_bytes()
        try:
            batches.prepare(invoker)
            read = await self.read(invoker, batches=batches)
        except (Failed, RunnerError, OSError) as why:
            return {"failed": str(why)}
        finally:
            invoker.files["config"].write_bytes(settings)
            shutil.rmtree(folder)
        if any(whole.lacking(name, read) for name in whole.streams):
            await self.read_again(invoker)
        return {"batches": batches.batches, "streams": in_batches(whole, read, self.kept)}

    async def read_again(self, invoker):
        """Reads everything once more, because what seems to be lost may have been deleted."""
        if self.kept is None:
            say("Reading everything again, because records seem to be lost")
            self.kept = await self.read(invoker)

    async def restart(self, invoker, whole, number):
        """Kills the tap after one of its states, and starts it from there."""
        say(f"Reading up to state {number} of {whole.states}")
        before = await self.read(invoker, until=number)
        if before.states < number:
            return {"state": number, "missed": True}
        say(f"Reading on from state {number} of {whole.states}")
        self.state = before.state
        try:
            after = await self.read(invoker, before=before)
        except Failed as why:
            return {"state": number, "failed": str(why)}
        finally:
            self.state = None
        streams = whole.streams.keys()
        if any(whole.lost(name, before, after) for name in streams):
            await self.read_again(invoker)
        return {"state": number, "streams": continued(whole, before, after, lambda: self.kept)}

    async def read(self, invoker, until=None, before=None, is_checked=False, batches=None):
        """Runs the tap to its end, or kills it after a state."""
        process = await invoker.invoke_async(stdout=asyncio.subprocess.PIPE, limit=LONGEST)
        reading = Reading(self.methods, before)
        try:
            async for line in process.stdout:
                message = parsed(line)
                if message and batches and message.get("type") == "BATCH":
                    reading.take_batch(message, batches)
                elif message is not None:
                    reading.take(message, is_checked)
                if until is not None and reading.states == until:
                    return reading
            code = await process.wait()
        except json.JSONDecodeError:
            raise Failed("the tap wrote a batch with a line that is not JSON") from None
        except ValueError:
            raise Failed(f"the tap wrote a line of more than {LONGEST >> 20} MiB") from None
        finally:
            await self.kill(process)
        if code:
            raise Failed(f"the tap ended with exit code {code}")
        return reading

    @staticmethod
    async def kill(process):
        """Kills the tap without a warning, as a crash of the machine would."""
        if process.returncode is None:
            process.kill()
        try:
            # What it wrote before it was killed never arrived.
            await asyncio.wait_for(process.communicate(), PATIENCE)
        except asyncio.TimeoutError:
            pass

    def look_at(self, path):
        """Takes from the catalog which streams are selected, and how they are read."""
        is_selected = sys.modules["__main__"].Catalogs.is_selected
        with open(path, encoding="utf-8") as file:
            self.catalog = json.load(file).get("streams", [])
        for stream in self.catalog:
            if isinstance(stream, dict) and is_selected(stream):
                self.methods[str(stream.get("stream") or stream.get("tap_stream_id"))] = method_of(stream)


def method_of(stream):
    root = next((one["metadata"] for one in stream.get("metadata", []) if not one.get("breadcrumb")), {})
    method = stream.get("replication_method") or root.get("replication-method") or root.get("forced-replication-method")
    key = stream.get("replication_key") or root.get("replication-key")
    if key is None and method != "FULL_TABLE":
        key = next(iter(root.get("valid-replication-keys") or []), None)
    return method, (None if method == "FULL_TABLE" else key)


def parsed(line):
    """Returns a message; `None` if the line is none."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    is_record = isinstance(message, dict) and isinstance(message.get("record", {}), dict)
    return message if is_record else None


def take_over(path):
    """Hooks into Meltano where it tests a tap, looks up its state, and applies the selection."""
    from meltano.core.plugin.singer.tap import SingerTap
    from meltano.core.plugin_test_service import ExtractorTestService

    with open(path, encoding="utf-8") as file:
        certifier = Certifier(json.load(file))
    apply = SingerTap.apply_catalog_rules

    async def apply_catalog_rules(self, invoker, *args, **kwargs):
        await apply(self, invoker, *args, **kwargs)
        certifier.look_at(invoker.files["catalog"])

    async def look_up_state(self, invoker):
        path = invoker.files["state"]
        path.unlink(missing_ok=True)
        if certifier.state is not None:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(certifier.state, file)

    async def validate(self, **_):
        return await certifier.validate(self.plugin_invoker)

    SingerTap.apply_catalog_rules = apply_catalog_rules
    SingerTap.look_up_state = look_up_state
    ExtractorTestService.validate = validate
