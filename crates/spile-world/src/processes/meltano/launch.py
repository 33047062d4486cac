"""Starts Meltano like its own command, with additions that it has no switch for:

Long because it has to be one file: it is in the folder of a run, among links to files of the project, from which nothing may
be imported, and every further file would be written, found and compiled again in each run.

- Narrows a sync to some streams, or has some of them read from the beginning, and keeps the bookmarks of all others.
- Runs as one of several processes that read the streams of one sync side by side, if `part.json` is next to this file: keeps
  bookmarks under the id that all of them share, and files of plugins in a folder of its own.
- Has records pass from the tap to the target through a program of spile's own, the relay, which also counts them, because
  many taps and targets do not report how many they handled. Without a relay, Meltano passes them on, and they are counted
  here.
- Has records pass in batches, files in a folder of the run, and counts them there, if `batches.json` asks for it.
- Stores a bookmark at most once a second.
- Reports the loader's end as the cause if it ends before it has read everything.
- Counts the rows in the loader's tables before and after the run, if `rows.py` is in the same folder.
- Stamps the records of a reset, and tells the loader at the end to remove all others, if `reset.json` asks for it.
- Reports the bookmarks that the tap starts with and those that it leaves, whatever backend stores them. Does not start the
  tap if bookmarks are required and missing, or belong to another project.
- Names the files with plugin settings, which contain secrets, after the run.
- Copies a tap's settings file before Meltano deletes it, if spile looks for new secrets in it.
- Gives a tap that discovers nothing that an earlier run has left.
- Discovers a catalog again if it is too old, and reports how it differs from the selection: selected streams that are
  missing, and streams that arrive without being selected.
- Installs the packages of a lock in place of a plugin's `pip_url`, if `lock.json` asks for it.
- Reads only the first records of each stream in place of a test, if there is a file `preview.json` next to this file.
- Queries both plugins instead of running them, if there is a folder `compare` next to this file.
- Reads a tap several times in place of a test, if there is a folder `certify` next to this file.
- Asks Meltano to stop when spile dies, so that it closes its run, and kills it with its plugins if it does not.
- Starts faster: garbage collection is off during imports, because nothing that Meltano imports becomes garbage, and the
  migrations of Meltano's database are not looked at if it is at the newest one.
"""

import sys

# This file is in the folder of a run, among links to files of the project, which Python would import instead of
# libraries.
sys.path.pop(0)

import array
import asyncio
import atexit
import contextlib
import fcntl
import fnmatch
import gc
import glob
import hashlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import termios
import threading
import time

# Singer libraries write these keys in this order. Everything else is parsed.
USUAL = re.compile(r'\s*\{\s*"type"\s*:\s*"RECORD"\s*,\s*"stream"\s*:\s*"([^"\\]*)"')


def line_of(event, level="info", **facts):
    """Returns a log line for spile, with members that Meltano's own lines do not have."""
    return json.dumps({"event": event, "level": level, **facts})


def say(*args, **facts):
    print(line_of(*args, **facts), file=sys.stderr, flush=True)


def package_of(program):
    """Returns the package of a plugin's program with its version; `None` if the program is not from a Python package."""
    folder = os.path.dirname(os.path.dirname(program))
    for packages in glob.glob(os.path.join(glob.escape(folder), "lib", "python*", "site-packages")):
        for found in glob.glob(os.path.join(glob.escape(packages), "*.dist-info", "entry_points.txt")):
            with open(found, encoding="utf-8") as file:
                names = [line.partition("=")[0].strip() for line in file]
            if os.path.basename(program) in names:
                return os.path.basename(os.path.dirname(found)).removesuffix(".dist-info").replace("-", " ", 1)
    return None


def tell_facts(invoker):
    """Reports the plugin's package and the catalog that it is given."""
    facts = {}
    if package := package_of(str(invoker.exec_path())):
        facts["packages"] = {invoker.plugin.name: package}
    catalog = invoker.files.get("catalog")
    if catalog and os.path.exists(catalog):
        with open(catalog, "rb") as file:
            facts["catalog"] = hashlib.sha256(file.read()).hexdigest()
    if facts:
        say("Plugin", spile_facts=facts)


class Arrivals:
    """Has the tables of a loader counted before its records are loaded, and after it has ended.

    A table is counted when the schema of its stream arrives. Its records come later, and wait until that is done.
    """

    SECONDS = 30
    # How long it may take to end, in seconds.
    ENDS = 3
    # The most records whose keys are collected.
    KEYS = 100_000
    # How many streams are reported in one line.
    PIECE = 100
    ENDED = "the program that counts rows has ended"
    NO_PYTHON = "its program is not from a Python package"

    def __init__(self, script):
        self.script = script
        self.block = self.counter = None
        self.answers = b""
        self.streams, self.keys, self.seen = {}, {}, {}
        # How many different keys were seen, by stream, if the relay counts them.
        self.distinct = {}
        self.schemas = set()
        self.left = self.KEYS
        # In reverse: what counts is asked before it has to end.
        atexit.register(self.end)
        atexit.register(self.tell)

    def start(self, block):
        """Starts the counting program in the environment of the loader, which is about to start."""
        program = str(block.invoker.exec_path())
        python = os.path.join(os.path.dirname(program), "python")
        if not os.path.exists(python):
            return
        command = [python, self.script, os.path.basename(program), str(block.invoker.files["config"])]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.block, self.counter = block, subprocess.Popen(command, env=block.invoker.env(), **pipes)
        self.answer()

    def end(self):
        """Waits for what counts: it must not outlive the run."""
        if self.counter is None:
            return
        try:
            self.counter.stdin.close()
            self.counter.wait(self.ENDS)
        except (OSError, subprocess.TimeoutExpired):
            self.counter.kill()
            self.counter.wait()

    def ask(self, what):
        try:
            self.counter.stdin.write(json.dumps(what).encode() + b"\n")
            self.counter.stdin.flush()
            return self.answer()
        except OSError:
            return {"unknown": self.ENDED}

    def answer(self):
        until = time.monotonic() + self.SECONDS
        while b"\n" not in self.answers:
            readable, _, _ = select.select([self.counter.stdout], [], [], max(until - time.monotonic(), 0))
            piece = readable and os.read(self.counter.stdout.fileno(), 1 << 16)
            if not piece:
                self.counter.kill()
                late = f"it did not respond within {self.SECONDS} seconds"
                return {"unknown": self.ENDED if readable else late}
            self.answers += piece
        line, _, self.answers = self.answers.partition(b"\n")
        return json.loads(line)

    def writeline(self, line):
        """Handles a line before the loader gets it, because a schema may already make the loader change its table."""
        # Some taps repeat the schema before every record.
        if ('"SCHEMA"' not in line and '"ACTIVATE_VERSION"' not in line) or hash(line) in self.schemas:
            return
        self.schemas.add(hash(line))
        try:
            message = json.loads(line)
            kind, stream = message["type"], message["stream"]
        except (KeyError, TypeError, ValueError):
            return
        if kind == "ACTIVATE_VERSION" and stream in self.streams:
            self.streams[stream]["deletes"] = True
        if kind != "SCHEMA" or stream in self.streams:
            return
        self.keys[stream] = message.get("key_properties") or []
        self.streams[stream] = found = self.ask(message) if self.counter else {"unknown": self.NO_PYTHON}
        if "rows" in found:
            found["before"] = found.pop("rows")

    def wants(self, stream):
        return bool(self.keys.get(stream)) and self.left > 0

    def record(self, stream, line):
        if self.wants(stream):
            try:
                self.take_key(stream, json.loads(line)["record"])
            except (KeyError, TypeError, ValueError):
                self.left = 0

    def take_key(self, stream, record):
        self.left -= 1
        try:
            self.seen.setdefault(stream, set()).add(hash(repr([record.get(key) for key in self.keys[stream]])))
        except AttributeError:
            self.left = 0

    def tell(self):
        handle = self.block and self.block._process_handle
        # If the loader failed, the rows are not expected to match.
        if not self.streams or (handle and handle.returncode != 0):
            return
        counts = self.ask(None) if self.counter else {}
        for stream, found in self.streams.items():
            count = counts.get(stream, {})
            found.update({"after": count["rows"]} if "rows" in count else count)
            if stream in self.seen:
                found["keys"] = len(self.seen[stream])
            elif stream in self.distinct:
                found["keys"] = self.distinct[stream]
        pieces = list(self.streams.items())
        for start in range(0, len(pieces), self.PIECE):
            say("Rows of tables", spile_facts={"arrivals": dict(pieces[start : start + self.PIECE])})


def tell_bad_line(line):
    say("The tap wrote a line that is not a Singer message", spile_not_singer=line)


class Counter:
    """Counts the records of a tap, as one of the writers that Meltano passes every line to."""

    # Only the start of an invalid line is reported. spile masks secrets in it, and quotes less than this.
    LONGEST = 16 * 1024

    def __init__(self, arrivals, batches=None):
        self.arrivals, self.batches = arrivals, batches
        self.is_clean = True
        self.records = {}
        self.told = {}
        self.next = time.monotonic() + 1

    def writeline(self, line):
        if '"RECORD"' not in line:
            if self.batches and '"BATCH"' in line:
                self.take_batch(line)
            if self.is_clean:
                self.look_at(line)
            return
        usual = USUAL.match(line)
        stream = usual.group(1) if usual else self.parsed(line)
        if stream is None:
            return
        self.records[stream] = self.records.get(stream, 0) + 1
        if self.arrivals:
            self.arrivals.record(stream, line)
        if time.monotonic() >= self.next:
            self.tell()

    def look_at(self, line):
        """Reports the first line that is not a message, because a loader that fails on it rarely reports what it read."""
        if line.strip() and not (line.lstrip().startswith("{") and '"type"' in line):
            self.is_clean = False
            tell_bad_line(line[: self.LONGEST])

    def take_batch(self, line):
        message = json.loads(line)
        if message.get("type") == "BATCH":
            stream = str(message.get("stream"))
            self.records[stream] = self.records.get(stream, 0) + self.batches.count(message, stream, self.arrivals)
            self.tell()

    @staticmethod
    def parsed(line):
        try:
            message = json.loads(line)
        except ValueError:
            return None
        is_record = isinstance(message, dict) and message.get("type") == "RECORD"
        return str(message.get("stream")) if is_record else None

    def tell(self, *_):
        self.next = time.monotonic() + 1
        if self.records != self.told:
            self.told = dict(self.records)
            say("Records so far", spile_records=self.told)


class Batches:
    """Has records pass to the loader in files of many, in a folder of the run, and counts them there.

    Meltano's SDK writes records into batches as they come from the source, so these are searched for fields that are not
    selected before the loader gets to know of them.
    """

    FORMAT = {"format": "jsonl", "compression": "gzip"}

    def __init__(self, asked):
        self.folder = os.path.realpath(asked["folder"])
        # For each stream, the paths of its fields that are not selected.
        self.deselected = {}
        self.batches = 0

    def prepare(self, invoker):
        """Tells a plugin, in its settings, where batches are."""
        storage = {"root": "file://" + self.folder, "prefix": ""}
        with open(invoker.files["config"], "r+", encoding="utf-8") as file:
            settings = {**json.load(file), "batch_config": {"encoding": self.FORMAT, "storage": storage}}
            file.seek(0)
            json.dump(settings, file)
            file.truncate()

    def look_at_catalog(self, invoker):
        """Takes over what is selected. Meltano writes the catalog when it starts the tap."""
        catalog = invoker.files.get("catalog")
        if catalog and os.path.exists(catalog):
            with open(catalog, encoding="utf-8") as file:
                self.look_at(json.load(file).get("streams", []))

    def look_at(self, streams):
        for stream in filter(lambda one: isinstance(one, dict), streams):
            paths = [path for one in stream.get("metadata", []) if (path := self.deselected_path(one))]
            for name in {stream.get("stream"), stream.get("tap_stream_id")}:
                self.deselected[str(name)] = paths

    @staticmethod
    def deselected_path(rule):
        path, says = rule.get("breadcrumb") or [], rule.get("metadata") or {}
        is_read = says.get("inclusion") == "automatic" or says.get("selected", True)
        return None if is_read and says.get("inclusion") != "unsupported" else [name for name in path if name != "properties"]

    def count(self, message, stream, arrivals):
        """Counts the records of a batch."""
        count = 0
        for line in self.lines(message):
            count += 1
            self.look_into(line, stream, arrivals)
        return count

    def lines(self, message):
        """Yields the records of a batch, as they stand in its files."""
        import gzip

        self.batches += 1
        encoding = message.get("encoding") or {}
        if encoding.get("format") != self.FORMAT["format"]:
            self.refuse(f"the extractor wrote a batch in the format `{encoding.get('format')}`, and not as JSON lines")
        start = gzip.open if encoding.get("compression") == self.FORMAT["compression"] else open
        for url in message.get("manifest", []):
            with start(self.path(url), "rb") as file:
                yield from file

    def path(self, url):
        path = os.path.realpath(url.removeprefix("file://"))
        if os.path.dirname(path) != self.folder:
            self.refuse("the extractor wrote a batch outside the folder of the run")
        return path

    def look_into(self, line, stream, arrivals):
        wants = arrivals and arrivals.wants(stream)
        if not wants and not self.deselected.get(stream):
            return
        record = json.loads(line)
        for field in self.unwanted(stream, record):
            self.refuse(f"the extractor wrote `{stream}.{field}` into a batch, which is not selected")
        if wants:
            arrivals.take_key(stream, record)

    def unwanted(self, stream, record):
        """Returns the fields of a record that are not selected."""
        return [".".join(path) for path in self.deselected.get(stream) or [] if self.has(record, path)]

    @staticmethod
    def has(record, path):
        for name in path:
            record = record.get(name) if isinstance(record, dict) else None
        return record is not None

    @staticmethod
    def refuse(why):
        from meltano.core.runner import RunnerError

        raise RunnerError(why)

    def tell(self, records):
        if records and not self.batches:
            say("Records passed one by one: the extractor wrote no batches", "warning")


class Relay:
    """Passes what the tap writes to the loader, through a program of spile's own that counts the records on the way.

    Everything else stays with Meltano: it starts both plugins, and reads what both log and what the loader writes.
    """

    # The most bytes of a report, which quotes the schema of a stream.
    LONGEST = 1 << 30
    # How much a pipe is asked to hold: the most that Linux grants. With more room, the processes wait less often.
    ROOM = 1 << 20

    def __init__(self, asked, arrivals):
        self.command = [asked["program"], asked["word"]]
        self.arrivals = arrivals
        self.records = {}
        self.tap = self.target = self.process = None
        # The pipes' ends: where the relay reads, where it writes, and copies of where the loader reads and of where the relay
        # writes.
        self.input = self.output = self.copy = self.gate = None
        self.ended = {}
        self.unread = 0
        # When the last byte had passed, and when the loader had ended.
        self.passed = self.loaded = None

    async def start(self, begin, block):
        """Starts a plugin, with pipes to the relay in place of those to Meltano."""
        kind = block.invoker.plugin.type
        if kind == "extractors" and self.is_usable(block):
            self.tap = block
            self.input, end = self.pipe()
            await self.begin(begin, block, end, "stdout")
        elif kind == "loaders" and self.tap:
            self.target = block
            end, self.output = self.pipe()
            self.copy = os.dup(end)
            # As long as it is open, the loader's input does not end.
            self.gate = os.dup(self.output)
            await self.begin(begin, block, end, "stdin")
            await self.connect()
        else:
            await begin(block)

    @classmethod
    def pipe(cls):
        """Returns a pipe with more room than usual, where the system allows it."""
        ends = os.pipe()
        # Only Linux has it, and Python knows its name since 3.10.
        if (request := getattr(fcntl, "F_SETPIPE_SZ", None)) is not None:
            try:
                fcntl.fcntl(ends[1], request, cls.ROOM)
            except OSError:  # The pipes of this user already have as much room as the system allows.
                pass
        return ends

    def is_usable(self, block):
        import logging

        # When debugging, Meltano also logs every message.
        is_logged = block.invoker.get_logger("stdout", "stdlib").isEnabledFor(logging.DEBUG)
        is_there = os.access(self.command[0], os.X_OK)
        if is_logged or not is_there:
            say("Records pass through Meltano: " + ("debugging is on" if is_there else "the relay is missing"))
        return is_there and not is_logged

    @staticmethod
    async def begin(begin, block, end, channel):
        invoke = block.invoker.invoke_async

        def invoke_async(*args, **options):
            # With arguments, it is a discovery before the run.
            return invoke(*args, **options) if args else invoke(**{**options, channel: end})

        block.invoker.invoke_async = invoke_async
        try:
            await begin(block)
        finally:
            del block.invoker.invoke_async
            os.close(end)

    async def connect(self):
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdin=self.input, stdout=self.output, stderr=theirs, env={}
            )
        os.close(self.input)
        os.close(self.output)
        self.reports, self.answers = await asyncio.open_connection(sock=ours, limit=self.LONGEST)
        self.watching = asyncio.ensure_future(self.watch())

    def close(self, block):
        """Ends the loader's input where Meltano does, which is when the tap has ended and Meltano knows how.

        Otherwise a fast loader could end while the tap still ends: that looks as if it had ended too early, and hides it if
        the tap fails after its last record.
        """
        if block is self.target and self.gate is not None:
            os.close(self.gate)
            self.gate = None
            self.passed = time.monotonic()

    async def watch(self):
        """Notes how much the loader has not read. The relay gets a broken pipe only after that, when the copy is closed."""
        await asyncio.shield(self.target.process_future)
        self.loaded = time.monotonic()
        room = array.array("i", [0])
        fcntl.ioctl(self.copy, termios.FIONREAD, room)
        self.unread = room[0]
        os.close(self.copy)

    async def follow(self):
        """Takes the relay's reports until everything has passed or the loader has ended."""
        try:
            while not self.ended and (line := await self.reports.readline()):
                self.take(json.loads(line))
            if self.ended.get("closed"):
                # Until then the relay keeps the tap's output open: the tap must not fail because the loader did.
                await asyncio.shield(self.target.process_future)
                await asyncio.shield(self.tap.process_future)
            elif not self.ended:
                raise RuntimeError("the relay of spile has ended")
        finally:
            self.answers.close()
            if not self.ended:
                self.process.kill()

    def take(self, report):
        if "records" in report:
            self.records = report["records"]
            say("Records so far", spile_records=self.records)
        if "not_singer" in report:
            tell_bad_line(report["not_singer"])
        if "changes_table" in report:
            if self.arrivals:
                self.arrivals.writeline(report["changes_table"])
            self.answers.write(b"\n")
        if ended := report.get("ended"):
            self.ended = ended
            if self.arrivals:
                self.arrivals.distinct = ended["keys"]
            self.passed = time.monotonic()

    def transfer(self):
        """Returns how the records passed; nothing before the end."""
        if not self.ended:
            return None
        after = max((self.loaded or time.monotonic()) - self.passed, 0)
        return {**self.ended["transfer"], "after_last_byte_ms": int(after * 1000)}

    async def left_over(self):
        """Tells whether the loader has ended without reading everything."""
        if not self.process:
            return False
        await self.watching
        return self.unread > 0 or bool(self.ended.get("closed"))


class Costs:
    """Reports what the plugins' processes used, and how the records passed.

    The CPU time of a process comes with its end. The memory that comes with it includes this process, which the plugin's
    process was a copy of, so memory is looked at while the plugin runs.
    """

    PAUSE = 0.5
    PEAK = re.compile(rb"^VmHWM:\s*(\d+) kB", re.MULTILINE)

    def __init__(self, relay):
        self.relay = relay
        self.pids, self.used, self.peaks = {}, {}, {}

        def waitpid(pid, options):
            ended, status, used = os.wait4(pid, options)
            if ended:
                self.used[ended] = used
            return ended, status

        os.waitpid = waitpid
        atexit.register(self.tell)

    def watch(self, block):
        self.pids[block.invoker.plugin.name] = block._process_handle.pid
        asyncio.ensure_future(self.look(block.invoker.plugin.name, block))

    async def look(self, name, block):
        ended = asyncio.ensure_future(block._process_handle.wait())
        while not ended.done():
            try:
                with open(f"/proc/{self.pids[name]}/status", "rb") as file:
                    peak = self.PEAK.search(file.read())
            except OSError:  # It has just ended, or the system has no such file.
                peak = None
            if peak:
                self.peaks[name] = int(peak.group(1)) * 1024
            await asyncio.wait([ended], timeout=self.PAUSE)

    def tell(self):
        usage = {}
        for name, pid in self.pids.items():
            if used := self.used.get(pid):
                usage[name] = {"cpu_ms": int((used.ru_utime + used.ru_stime) * 1000)}
                if name in self.peaks:
                    usage[name]["peak_bytes"] = self.peaks[name]
        facts = {"usage": usage} if usage else {}
        if transfer := self.relay and self.relay.transfer():
            facts["transfer"] = transfer
        if facts:
            say("What the run took", spile_facts=facts)


class States:
    """Stores a bookmark at most once a second: each costs Meltano as much time as hundreds of records.

    Singer allows to skip all but the newest one. Parts of a state are merged like Meltano merges them.
    """

    PAUSE = 1

    def __init__(self, keep, merge):
        self.keep, self.merge = keep, merge
        self.writer = self.waiting = self.timer = self.failure = None
        self.next = 0

    def writeline(self, writer, line):
        from meltano.core.job import Payload

        self.check()
        try:
            state = json.loads(line)
        except ValueError:
            state = None
        if writer.job is None or not isinstance(state, dict) or not state:
            self.keep(writer, line)
            return
        if self.waiting and writer.payload_flag == Payload.INCOMPLETE_STATE:
            state = self.merge(state, self.waiting)
        self.writer, self.waiting = writer, state
        left = self.next - time.monotonic()
        if left <= 0:
            self.flush()
        elif self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(left, self.later)

    def later(self):
        try:
            self.flush()
        except Exception as error:  # Raised again where Meltano expects it.
            self.failure = error

    def flush(self):
        if self.timer:
            self.timer.cancel()
        state, self.waiting, self.timer = self.waiting, None, None
        if state is not None:
            self.keep(self.writer, json.dumps(state))
            self.next = time.monotonic() + self.PAUSE

    def check(self):
        failure, self.failure = self.failure, None
        if failure:
            raise failure

    async def until(self, end):
        """Waits for the end of the loader's output, and stores the last bookmark before the loader counts as ended."""
        try:
            await end
        finally:
            self.flush()
            self.check()


def store_bookmarks_seldom():
    """Hooks into where Meltano stores the bookmarks that a loader confirms."""
    from meltano.core.block.singer import SingerBlock
    from meltano.core.plugin.singer.target import BookmarkWriter
    from meltano.core.utils import merge

    states = States(BookmarkWriter.writeline, merge)
    proxy = SingerBlock.proxy_stdout

    def proxy_stdout(self):
        is_new = self._stdout_future is None
        future = proxy(self)
        if is_new and self.invoker.plugin.type == "loaders":
            self._stdout_future = future = asyncio.ensure_future(states.until(future))
        return future

    BookmarkWriter.writeline = lambda writer, line: states.writeline(writer, line)
    SingerBlock.proxy_stdout = proxy_stdout


def end_like_the_loader(relay):
    """Makes the loader's end the cause of a failure, and an early end of it a failure.

    Meltano reports a broken pipe without looking at exit codes, and takes an end with exit code 0 for success even if the
    tap still has records.
    """
    from meltano.core.block.extract_load import ELBExecutionManager
    from meltano.core.plugin import PluginType
    from meltano.core.runner import RunnerError

    run, complete = ELBExecutionManager.run, ELBExecutionManager._complete_upstream
    why = "the loader ended with exit code 0 before it had read everything that the extractor sent"
    too_long = (
        "the extractor wrote a line that is longer than half of Meltano's `elt.buffer_size`: increase that setting, or set "
        "`relay = true` under `[sync]`"
    )

    async def complete_upstream(self):
        self.ended_early = not self.elb.upstream_complete(len(self.elb.blocks) - 1)
        await complete(self)

    async def run_to_its_end(self):
        self.ended_early = False
        try:
            await run(self)
        except ConnectionError:
            self.ended_early = True
            code = await self.elb.tail.process_future
            await self.elb.upstream_stop(len(self.elb.blocks) - 1)
            if code:
                raise RunnerError("Loader failed", {PluginType.LOADERS: code})
        except RunnerError as error:
            if "line length limit" in str(error):
                raise RunnerError(too_long) from error
            raise
        # Meltano waits for this, but does not look at how it ended.
        if (kept := self.elb.tail.proxy_stdout()).done() and not kept.cancelled():
            kept.result()
        if self.ended_early or (relay and await relay.left_over()):
            say("The loader ended early", "error", spile_loader_stopped=why)
            raise RunnerError(why)

    ELBExecutionManager.run = run_to_its_end
    ELBExecutionManager._complete_upstream = complete_upstream


def count_records(counters):
    """Hooks the relay, or a counter, into the target's input, so that it counts only what the target gets."""
    from meltano.core.block.singer import SingerBlock

    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rows.py")
    arrivals = Arrivals(script) if os.path.exists(script) else None
    relay = asked(lambda told: Relay(told, arrivals), "relay.json")
    batches = asked(Batches, "batches.json")
    proxy, begin, close = SingerBlock.proxy_stdout, SingerBlock.start, SingerBlock.close_stdin
    costs = Costs(relay)
    counted = [arrivals] if arrivals else []

    async def start(self):
        tell_facts(self.invoker)
        if batches:
            batches.prepare(self.invoker)
        if arrivals and self.invoker.plugin.type == "loaders":
            arrivals.start(self)
        await (relay.start(begin, self) if relay else begin(self))
        if batches:
            batches.look_at_catalog(self.invoker)
        costs.watch(self)

    def proxy_stdout(self):
        if self._stdout_future is not None or self.invoker.plugin.type != "extractors":
            return proxy(self)
        if relay and relay.process:
            counters.append(relay)
            self._stdout_future = asyncio.ensure_future(relay.follow())
            return self._stdout_future
        counter = Counter(arrivals, batches)
        counters.append(counter)
        if batches:
            # Before the loader gets to know of a batch.
            self.outputs.insert(0, counter)
            atexit.register(lambda: batches.tell(counter.records))
        else:
            self.stdout_link(counter)
        if arrivals:
            self.outputs.insert(0, arrivals)
        future = proxy(self)
        future.add_done_callback(counter.tell)
        return future

    async def close_stdin(self):
        if relay:
            relay.close(self)
        await close(self)

    SingerBlock.proxy_stdout, SingerBlock.start, SingerBlock.close_stdin = proxy_stdout, start, close_stdin
    end_like_the_loader(relay)
    return counted


class Bookmarks:
    """Reports the Singer state that a tap gets, and the last one that was stored, every few seconds and at the end."""

    # The registry stores the state with the run. A longer one is of no use to people who read it there.
    LONGEST = 64 * 1024
    PAUSE = 5

    def __init__(self):
        self.last = None
        self.next = 0

    def began(self, state):
        self.tell("spile_bookmark_before", state)

    def kept(self, text):
        self.last = text
        if time.monotonic() >= self.next:
            self.next = time.monotonic() + self.PAUSE
            self.tell_last()

    def tell_last(self):
        text, self.last = self.last, None
        if text is not None:
            self.tell("spile_bookmark_after", json.loads(text).get("singer_state"))

    def tell(self, key, state):
        line = line_of("Bookmarks", **{key: state})
        if state and len(line) <= self.LONGEST:
            print(line, file=sys.stderr, flush=True)


def tell_bookmarks():
    """Hooks into Meltano where it reads bookmarks and where it stores them."""
    from meltano.core.plugin.singer.tap import SingerTap
    from meltano.core.state_service import StateService

    bookmarks = Bookmarks()
    look_up, keep = SingerTap.get_singer_state, StateService.add_state

    def get_singer_state(*args, **kwargs):
        state = look_up(*args, **kwargs)
        bookmarks.began(state)
        return state

    def add_state(self, job, new_state, *args, **kwargs):
        keep(self, job, new_state, *args, **kwargs)
        bookmarks.kept(new_state)

    SingerTap.get_singer_state = get_singer_state
    StateService.add_state = add_state
    atexit.register(bookmarks.tell_last)


class Streams:
    """Narrows a sync to some streams, or has some read from their beginning. The bookmarks of all others stay as they are."""

    FORM = "the bookmarks are in a form that spile does not know, so it cannot tell those of one stream from the others"

    def __init__(self, asked):
        self.only, self.refresh = asked.get("only", []), asked.get("refresh", [])
        self.before = {}

    @staticmethod
    def matches(stream, patterns):
        return any(fnmatch.fnmatchcase(stream, pattern) for pattern in patterns)

    def reads(self, stream):
        return not self.only or self.matches(stream, self.only)

    def bookmarks(self, state):
        from meltano.core.plugin.error import PluginExecutionError

        found = state.get("bookmarks", {}) if isinstance(state, dict) else None
        if not isinstance(found, dict) or (state and "bookmarks" not in state):
            refuse(self.FORM)
            raise PluginExecutionError(self.FORM)
        return found

    def given(self, state):
        """Returns what the tap is given of a state: all but the bookmarks of streams that it reads from their beginning."""
        if not state:
            return state
        self.before = self.bookmarks(state)
        is_given = lambda stream: not (self.reads(stream) and self.matches(stream, self.refresh))
        bookmarks = {stream: mark for stream, mark in self.before.items() if is_given(stream)}
        # Libraries of taps start with the stream that an interrupted run was reading.
        rest = {key: value for key, value in state.items() if key != "currently_syncing"}
        return {**rest, "bookmarks": bookmarks}

    def merged(self, text):
        """Returns what is kept of a state that the tap has left: of streams that it did not read, what there was."""
        left = json.loads(text)
        state = left.get("singer_state")
        if not self.only or not isinstance(state, dict):
            return text
        after = self.bookmarks(state)
        unread = {stream: mark for stream, mark in self.before.items() if not self.reads(stream)}
        read = {stream: mark for stream, mark in after.items() if self.reads(stream)}
        both = {**unread, **read}
        # In the order in which they were.
        names = [*(name for name in self.before if name in both), *(name for name in both if name not in self.before)]
        state["bookmarks"] = {name: both[name] for name in names}
        return json.dumps(left)

    def check(self, catalog):
        """Refuses a pattern that no selected stream of the catalog matches."""
        import difflib

        from meltano.core.plugin.error import PluginExecutionError

        with open(catalog) as file:
            streams = [stream for stream in json.load(file).get("streams", []) if isinstance(stream, dict)]
        names = [str(stream.get("tap_stream_id")) for stream in streams]
        selected = [name for name, stream in zip(names, streams) if Catalogs.is_selected(stream)]
        for pattern in [*self.only, *self.refresh]:
            if fnmatch.filter(selected, pattern):
                continue
            if fnmatch.filter(names, pattern):
                why = f"`{pattern}` is not selected: add it to `select`"
            else:
                near = difflib.get_close_matches(pattern, names, n=1)
                hint = f": did you mean `{near[0]}`?" if near else ""
                why = f"the source offers no stream that matches `{pattern}`{hint}"
            say("Streams", "error", spile_streams_refused=why)
            raise PluginExecutionError(why)


def asked(kind, name):
    """Returns what spile asks for in a file of the run's folder; `None` if there is no such file."""
    try:
        with open(os.path.join(os.environ["MELTANO_PROJECT_ROOT"], name)) as file:
            return kind(json.load(file))
    except FileNotFoundError:
        return None


def narrow_state(streams):
    """Hooks into where Meltano looks bookmarks up, before those are reported that the tap starts with."""
    from meltano.core.plugin.singer.tap import SingerTap

    look_up = SingerTap.get_singer_state
    SingerTap.get_singer_state = lambda *args, **kwargs: streams.given(look_up(*args, **kwargs))


def narrow_run(streams):
    """Hooks into where Meltano stores state, before it is reported, and into where it applies the selection."""
    from meltano.core.plugin.singer.tap import SingerTap
    from meltano.core.state_service import StateService

    keep, apply = StateService.add_state, SingerTap.apply_catalog_rules

    def add_state(self, job, new_state, *args, **kwargs):
        # Bookmarks that are copied from elsewhere are not those of a tap.
        is_copied = isinstance(job, str)
        keep(self, job, new_state if is_copied else streams.merged(new_state), *args, **kwargs)

    async def apply_catalog_rules(self, invoker, *args, **kwargs):
        await apply(self, invoker, *args, **kwargs)
        streams.check(invoker.files["catalog"])

    StateService.add_state = add_state
    SingerTap.apply_catalog_rules = apply_catalog_rules


class Part:
    """Makes this process one of several that read the streams of one sync side by side.

    All of them keep bookmarks under the state id of the integration: each reads the stored ones again, replaces those of its
    own streams, and keeps the others out meanwhile. So whenever a run is killed, everything that was confirmed is stored.
    """

    FORM = "the bookmarks are in a form whose streams cannot be told apart"
    CATALOG = ("catalog", "catalog_cache_key")

    def __init__(self, asked):
        self.state_id, self.lock = asked["state_id"], asked["lock"]
        self.depth = 0
        self.catalog = None
        # Meltano's usual folder of each plugin, by the plugin's name.
        self.folders = {}

    @contextlib.contextmanager
    def alone(self):
        """Keeps the other parts from reading and storing bookmarks."""
        self.depth += 1
        try:
            if self.depth > 1:
                yield
                return
            with open(self.lock, "a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        finally:
            self.depth -= 1

    def check(self, state):
        """Refuses a state that says more than where each stream is."""
        from meltano.core.plugin.error import PluginExecutionError

        is_known = isinstance(state, dict) and set(state) <= {"bookmarks", "currently_syncing"}
        if not is_known or not isinstance(state.get("bookmarks", {}), dict):
            say("Streams side by side", "error", spile_part_refused=self.FORM)
            raise PluginExecutionError(self.FORM)

    def own(self, text):
        """Returns what the tap has left, without the stream that it was reading, which belongs to no other part."""
        left = json.loads(text)
        self.check(left["singer_state"])
        left["singer_state"].pop("currently_syncing", None)
        return json.dumps(left)

    def take_catalog(self, invoker):
        """Begins with the catalog of the last run."""
        for kind in self.CATALOG:
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(self.usual(invoker, kind), invoker.files[kind])

    def look_at_catalog(self, invoker):
        """Remembers the catalog before the selection is applied."""
        self.catalog = invoker.files["catalog"].read_bytes()

    def give_catalog(self, invoker):
        """Leaves a new catalog to the next run, with the key that Meltano recognizes it by."""
        catalog, key = (self.usual(invoker, kind) for kind in self.CATALOG)
        with self.alone():
            if self.catalog is not None and not (catalog.exists() and catalog.read_bytes() == self.catalog):
                key.unlink(missing_ok=True)
                self.replace(catalog, self.catalog)
                if invoker.files["catalog_cache_key"].exists():
                    self.replace(key, invoker.files["catalog_cache_key"].read_bytes())

    def usual(self, invoker, kind):
        return self.folders[invoker.plugin.name] / invoker.files[kind].name

    @staticmethod
    def replace(path, content):
        new = path.with_name(path.name + ".new")
        new.write_bytes(content)
        os.replace(new, path)


def share_run(part, streams):
    """Hooks into Meltano where it reads and stores state, and where it chooses the folder for the files of a plugin."""
    import pathlib

    from meltano.core import state_service
    from meltano.core.job_state import JobState
    from meltano.core.plugin.config_service import PluginConfigService
    from meltano.core.plugin.singer.tap import SingerTap
    from meltano.core.state_service import StateService

    keep, look_up = StateService.add_state, StateService.get_state
    discover, apply = SingerTap.discover_catalog, SingerTap.apply_catalog_rules
    begin, state_of = PluginConfigService.__init__, state_service.MeltanoState

    def get_state(self, state_id):
        with part.alone():
            # Another process may have stored a newer one since.
            for known in list(self.session.identity_map.values()) if self.session else []:
                if isinstance(known, JobState):
                    self.session.expire(known)
            state = look_up(self, part.state_id)
            part.check(state.get("singer_state") or {})
            return state

    def add_state(self, job, new_state, *args, **kwargs):
        with part.alone():
            if not isinstance(job, str):
                new_state = part.own(new_state)
                streams.before = streams.bookmarks(self.get_state(part.state_id).get("singer_state") or {})
            keep(self, job, new_state, *args, **kwargs)

    def init(self, plugin, config_dir, run_dir):
        part.folders[plugin.name] = pathlib.Path(run_dir)
        own = pathlib.Path(os.environ["MELTANO_PROJECT_ROOT"], ".run", plugin.name)
        own.mkdir(parents=True, exist_ok=True)
        begin(self, plugin, config_dir, own)

    async def discover_catalog(self, invoker):
        part.take_catalog(invoker)
        await discover(self, invoker)
        part.look_at_catalog(invoker)

    async def apply_catalog_rules(self, invoker, *args, **kwargs):
        await apply(self, invoker, *args, **kwargs)
        part.give_catalog(invoker)

    state_service.MeltanoState = lambda state_id, **halves: state_of(part.state_id, **halves)
    StateService.get_state, StateService.add_state = get_state, add_state
    PluginConfigService.__init__ = init
    SingerTap.discover_catalog, SingerTap.apply_catalog_rules = discover_catalog, apply_catalog_rules


class Reset:
    """Has the loader remove the rows that a full refresh did not deliver.

    Every record of the stream gets a version. When the tap has ended well, `ACTIVATE_VERSION` tells the loader to remove the
    rows of other versions. If the tap fails, it is not sent, and all rows stay.
    """

    # spile's own loader keeps the rows of such a stream apart. Others ignore it.
    MARK = "spile_reset"

    def __init__(self, asked):
        self.version, self.patterns = asked["version"], asked["streams"]
        # The names of the streams in messages; `None` for all streams.
        self.names = None if not self.patterns else set()
        self.streams = []
        self.blocks = []
        # Writes to the loader as it is.
        self.write = None

    def look_at(self, path):
        """Takes from the catalog what the streams of the patterns are called in messages."""
        with open(path) as file:
            streams = [stream for stream in json.load(file).get("streams", []) if isinstance(stream, dict)]
        for stream in streams:
            if Streams.matches(str(stream.get("tap_stream_id")), self.patterns):
                self.names |= Preview.names(stream)

    def stamped(self, line):
        """Returns a line of the tap as the loader gets it."""
        is_schema = b'"SCHEMA"' in line
        if not is_schema and b'"RECORD"' not in line and b'"ACTIVATE_VERSION"' not in line:
            return line
        usual = None if is_schema else USUAL.match(line.decode(errors="replace"))
        if usual:
            kind, stream = "RECORD", usual.group(1)
        else:
            try:
                message = json.loads(line)
                kind, stream = message["type"], message["stream"]
            except (KeyError, TypeError, ValueError):
                return line
        if kind not in ("SCHEMA", "RECORD", "ACTIVATE_VERSION") or (self.names is not None and stream not in self.names):
            return line
        if kind == "ACTIVATE_VERSION":
            # The tap's own versions are replaced.
            return b""
        if kind == "SCHEMA" and stream not in self.streams:
            self.streams.append(stream)
        key = self.MARK if kind == "SCHEMA" else "version"
        # Readers of JSON take the last of several equal keys. To parse and write every record would take longer.
        return line.rstrip()[:-1] + f', "{key}": {self.version}}}\n'.encode()

    def activations(self):
        messages = ({"type": "ACTIVATE_VERSION", "stream": stream, "version": self.version} for stream in self.streams)
        return [json.dumps(message) + "\n" for message in messages]

    def is_delivered(self):
        """Tells whether the tap, and every mapper, has ended well."""
        return bool(self.blocks) and all(block.process_handle.returncode == 0 for block in self.blocks)


def reset_at_the_end(reset, arrivals):
    """Hooks into where Meltano writes to the loader, and into where it closes the loader's input."""
    from meltano.core.block.singer import SingerBlock
    from meltano.core.plugin.singer.tap import SingerTap

    begin, close, apply = SingerBlock.start, SingerBlock.close_stdin, SingerTap.apply_catalog_rules

    async def start(self):
        await begin(self)
        if self.invoker.plugin.type != "loaders":
            reset.blocks.append(self)
            return
        stdin = self.process_handle.stdin
        reset.write = stdin.write
        stdin.write = lambda line: reset.write(reset.stamped(line))

    async def close_stdin(self):
        if self.invoker.plugin.type == "loaders" and reset.is_delivered():
            for line in reset.activations():
                for counted in arrivals:
                    counted.writeline(line)
                reset.write(line.encode())
            await self.stdin.drain()
            # Not twice.
            reset.streams = []
        await close(self)

    async def apply_catalog_rules(self, invoker, *args, **kwargs):
        await apply(self, invoker, *args, **kwargs)
        if reset.names is not None:
            reset.look_at(invoker.files["catalog"])

    SingerBlock.start, SingerBlock.close_stdin = start, close_stdin
    SingerTap.apply_catalog_rules = apply_catalog_rules


class Catalogs:
    """Keeps the catalog of a tap up to date, and reports how it differs from the selection."""

    def __init__(self, wanted, counters):
        # `kept` leaves it to Meltano. `renew` discovers again. `try` does too, but keeps the old catalog if that fails.
        # `given` uses the one that spile provides.
        self.wanted = wanted
        self.counters = counters
        self.is_discovered = False
        # Either the catalog of this run with the rules applied, or the patterns if the tap does not get a catalog.
        self.catalog = None
        self.ignored = None

    async def discover(self, discover, tap, invoker):
        if not {"catalog", "properties"} & set(invoker.capabilities):
            raise self.Lacks("the tap would not be given what it discovers")
        catalog, key = invoker.files["catalog"], invoker.files["catalog_cache_key"]
        before = None
        if self.wanted != "kept" and not invoker.plugin_config_extras["_catalog"]:
            before = self.usable(tap, invoker)
            key.unlink(missing_ok=True)
        try:
            await discover(tap, invoker)
        except self.Lacks:
            raise
        except Exception as error:
            if self.wanted != "try" or before is None:
                raise
            catalog.write_bytes(before[0])
            key.write_text(before[1])
            say("The tap's discovery failed, so its last catalog is used", spile_catalog={"failed": str(error)[-2000:]})
            return
        if self.is_discovered:
            say("The catalog is discovered again", spile_catalog={"discovered": True})

    @staticmethod
    def usable(tap, invoker):
        """Returns the last catalog and its key if they belong to the same settings."""
        try:
            catalog = invoker.files["catalog"].read_bytes()
            key = invoker.files["catalog_cache_key"].read_text()
        except OSError:
            return None
        return (catalog, key) if catalog and key == tap.catalog_cache_key(invoker) else None

    def compare(self, rules, catalog):
        """Reports streams that are selected by name or pattern but missing in the catalog."""
        self.catalog = catalog
        streams = [stream.get("tap_stream_id", "") for stream in catalog.get("streams", []) if isinstance(stream, dict)]
        known, missing = set(streams), []
        for rule in rules:
            pattern = rule.tap_stream_id
            is_wanted = isinstance(pattern, str) and rule.value is not False
            if is_wanted and pattern not in missing and pattern not in known and not fnmatch.filter(streams, pattern):
                missing.append(pattern)
        if missing:
            say("Not in the catalog: " + ", ".join(missing), spile_catalog={"missing": missing})

    def tell_selected(self):
        """Reports how many streams are selected, and which have arrived without being selected."""
        arrived = sorted({stream for counter in self.counters for stream in counter.records})
        if self.ignored is not None:
            is_selected = self.selected_by(self.ignored)
            unselected = [stream for stream in arrived if not is_selected(stream)]
        else:
            unselected = self.unselected(arrived)
        if self.catalog is not None:
            count = sum(map(self.is_selected, self.catalog.get("streams", [])))
            say(f"{count} streams are selected", spile_catalog={"selected": count})
        if unselected:
            say("Read without being selected: " + ", ".join(unselected), spile_catalog={"unselected": unselected})

    def unselected(self, arrived):
        # A stream's name may differ from its id. Streams without a catalog entry are ignored.
        selected, known = set(), set()
        for stream in (self.catalog or {}).get("streams", []):
            names = {stream.get("tap_stream_id"), stream.get("stream")} & set(arrived)
            known |= names
            if names and self.is_selected(stream):
                selected |= names
        return [stream for stream in arrived if stream in known - selected]

    @staticmethod
    def is_selected(stream):
        own = [one["metadata"] for one in stream.get("metadata", []) if not one.get("breadcrumb")]
        says = own[0] if own else stream
        return says.get("inclusion") == "automatic" or says.get("selected") is True

    @staticmethod
    def selected_by(patterns):
        from meltano.core.plugin.singer.catalog import select_metadata_rules

        rules = [rule for rule in select_metadata_rules(patterns) if not rule.breadcrumb]

        def is_selected(stream):
            said = [rule.value for rule in rules if rule.match(stream, [])]
            return bool(said) and said[-1] is True

        return is_selected


class Matching:
    """Finds and caches the rules for a node of a catalog, because most nodes of thousands of streams share the result."""

    def __init__(self):
        self.rules = None

    def __call__(self, rules, stream, breadcrumb=None):
        if rules is not self.rules:
            self.rules, self.stream, self.known = rules, None, {}
        if stream != self.stream:
            self.stream = stream
            self.of_stream = [rule for rule in rules if rule.match(stream)]
            self.names = tuple(map(id, self.of_stream))
        key = (self.names, None if breadcrumb is None else ".".join(breadcrumb))
        if key not in self.known:
            self.known[key] = [rule for rule in self.of_stream if rule.match(stream, breadcrumb)]
        return self.known[key]


class Walk:
    """Visits a catalog like Meltano's own executor of rules: the same nodes in the same order.

    Meltano matches three patterns against the path of every value, and logs a line that nobody reads for every rule that it
    applies. With thousands of streams that takes several seconds.
    """

    STREAM = re.compile(r"streams\[\d+\]$")
    METADATA = re.compile(r"metadata\[\d+\]$")
    PROPERTY = re.compile(r"schema(\.properties\.\w*)+$")

    def __init__(self, executor):
        self.executor = executor
        self.known = set()

    def into(self, node, path):
        if isinstance(node, list):
            for index, child in enumerate(node):
                if isinstance(child, (dict, list)):
                    self.into(child, f"{path}[{index}]")
        elif isinstance(node, dict):
            is_property = self.look_at(node, path)
            for name, child in node.items():
                if isinstance(child, (dict, list)) and not (is_property and name in ("anyOf", "type")):
                    self.into(child, f"{path}.{name}")

    def look_at(self, node, path):
        """Applies the rules to a node, and tells whether it is a property."""
        if path.endswith("]"):
            if self.STREAM.search(path):
                self.executor.stream_node(node, path)
                self.known = {tuple(one["breadcrumb"]) for one in node["metadata"] if "breadcrumb" in one}
            elif self.METADATA.search(path) and "breadcrumb" in node:
                self.executor.metadata_node(node, path)
        # Most dictionaries in a catalog are not on such a path.
        elif ".properties." in path and self.PROPERTY.search(path):
            self.property(path)
            return True
        return False

    def property(self, path):
        breadcrumb = path[path.index("properties") :].split(".")
        # Without this, each new breadcrumb would be searched for among all those of its stream.
        if tuple(breadcrumb) not in self.known:
            self.known.add(tuple(breadcrumb))
            self.executor.ensure_metadata(breadcrumb)


class Parsed:
    """Replaces the module `json` where Meltano reads catalogs, so that each catalog is parsed only once.

    Meltano parses a catalog to validate it, discards it, and parses it again to apply the rules.
    """

    def __init__(self):
        self.about, self.value = None, None

    def load(self, file):
        about = os.fstat(file.fileno())
        about = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)
        if about == self.about:
            # The value is returned only once, because the caller changes it and it no longer matches the file.
            value, self.about, self.value = self.value, None, None
            return value
        self.about, self.value = about, json.load(file)
        return self.value

    def __getattr__(self, name):
        return getattr(json, name)


def fit_keys(rules, catalog):
    """Corrects streams that lack the replication key which a pattern gave them.

    The metadata of a connector says `*`, but not every stream of a source has the usual column. Such a stream gets the key that
    its tap names, or else is read completely. A rule that names its stream stays: it is a mistake in a file.
    """
    keys = [rule for rule in rules if rule.key == "replication-key" and not rule.breadcrumb]
    values, named = [rule.value for rule in keys], {str(rule.tap_stream_id) for rule in keys}
    for stream in catalog.get("streams", []) if keys else []:
        columns = (stream.get("schema") or {}).get("properties")
        own = next((one["metadata"] for one in stream.get("metadata", []) if not one.get("breadcrumb")), {})
        key = own.get("replication-key")
        if not columns or key in columns or key not in values or stream.get("tap_stream_id") in named:
            continue
        if valid := own.get("valid-replication-keys"):
            own["replication-key"] = valid[0]
        else:
            del own["replication-key"]
            own["replication-method"] = "FULL_TABLE"


def quicken():
    """Makes Meltano faster with large catalogs: each is parsed once, and rules are matched once."""
    from meltano.core.plugin.singer import tap
    from meltano.core.plugin.singer.catalog import MetadataExecutor, MetadataRule, SelectionType

    def set_metadata(self, node, path, key, value):
        if key == "selected" and value is True and node.get("inclusion") == SelectionType.UNSUPPORTED:
            return
        node[key] = value

    def visit(self, catalog):
        Walk(self).into(catalog, "")
        fit_keys(self._rules, catalog)

    dumps = tap.json_dumps
    tap.json_dumps = lambda value, **options: dumps(value, **{**options, "indent": None})
    tap.json = Parsed()
    MetadataRule.matching = Matching()
    MetadataExecutor.set_metadata = set_metadata
    MetadataExecutor.visit = visit


async def redirect(stream, *files, write_str=False):
    """Writes the output of a tap's discovery to files, regardless of line breaks.

    Meltano reads it line by line, and waits forever if the catalog is one line of more than 10 MiB.
    """
    while stream and (data := await stream.read(1 << 16)):
        for file in files:
            file.write(data.decode(errors="replace") if write_str else data)


def watch_catalogs(wanted, counters):
    """Hooks into Meltano where it discovers the catalog of a tap and where it applies the selection to it."""
    from meltano.core.plugin.error import PluginLacksCapabilityError
    from meltano.core.plugin.singer import tap
    from meltano.core.plugin.singer.tap import SingerTap

    catalogs = Catalogs(wanted, counters)
    catalogs.Lacks = PluginLacksCapabilityError
    discover, run, apply, warn = (
        SingerTap.discover_catalog,
        SingerTap.run_discovery,
        SingerTap.apply_catalog_rules,
        SingerTap.warn_property_not_found,
    )

    async def discover_catalog(self, invoker):
        await catalogs.discover(discover, self, invoker)

    async def run_discovery(self, invoker, catalog_path, *args, **kwargs):
        if wanted == "given":
            shutil.copyfile(os.path.join(os.environ["MELTANO_PROJECT_ROOT"], "catalog.json"), catalog_path)
        else:
            await run(self, invoker, catalog_path, *args, **kwargs)
        catalogs.is_discovered = True

    async def apply_catalog_rules(self, invoker, *args, **kwargs):
        try:
            await apply(self, invoker, *args, **kwargs)
        except PluginLacksCapabilityError:
            catalogs.ignored = invoker.plugin_config_extras["_select"]
            raise

    def warn_property_not_found(self, rules, catalog):
        catalogs.compare(rules, catalog)
        warn(self, rules, catalog)

    tap._stream_redirect = redirect
    SingerTap.discover_catalog = discover_catalog
    SingerTap.run_discovery = run_discovery
    SingerTap.apply_catalog_rules = apply_catalog_rules
    SingerTap.warn_property_not_found = warn_property_not_found
    atexit.register(catalogs.tell_selected)


class Guard:
    """Keeps a run from starting with the bookmarks of another project, or without any if there should be some."""

    # Stored next to the Singer state in every backend, because Meltano preserves unknown members.
    MARK = "spile_project"

    def __init__(self, told):
        self.project = told["project"]
        self.marks = told["marks"]
        self.elsewhere = told.get("elsewhere")

    def state_of(self, look_up, service, state_id):
        from meltano.core.plugin.error import PluginExecutionError

        try:
            state = look_up(service, state_id)
        except Exception as error:
            refuse(f"the stored bookmarks cannot be read: {error}")
            raise
        owner = state.get(self.MARK, self.project)
        if self.marks and owner != self.project:
            refuse(f"the bookmarks of `{state_id}` belong to the project `{owner}`: use a separate place for each project")
            raise PluginExecutionError("the bookmarks belong to another project")
        if state or self.elsewhere is None:
            return state
        if not self.elsewhere["copy"]:
            refuse(
                f"there are no bookmarks of `{state_id}` in the current place, but another place has some: "
                "add `--take-bookmark` to copy them, or `--full-refresh` to read everything again"
            )
            raise PluginExecutionError("bookmarks are missing")
        return self.copied(service, state_id)

    def copied(self, service, state_id):
        from meltano.core.state_store import MeltanoState

        state = MeltanoState.from_json(state_id, self.elsewhere["state"])
        service.set_state(state_id, state.json_merged())
        self.elsewhere = None
        return json.loads(state.json_merged())

    def marked(self, text):
        return json.dumps({**json.loads(text), self.MARK: self.project}) if self.marks else text


def refuse(why):
    say("Bookmarks", "error", spile_bookmarks_refused=why)


def take_bookmarks():
    """Reads spile's instructions about bookmarks and deletes the file: it may contain a token that plugins must not see."""
    root = os.environ["MELTANO_PROJECT_ROOT"]
    path = os.path.join(root, "bookmarks.json")
    try:
        with open(path) as file:
            told = json.load(file)
    except FileNotFoundError:
        return None
    os.unlink(path)
    if "registry" in told:
        sys.path.append(os.path.join(root, told["wheel"]))
        import spile_state_backend

        spile_state_backend.connect(told["registry"])
    return told


def guard_bookmarks(told):
    """Hooks into Meltano where it reads state, also for a full refresh, and where it writes it."""
    from meltano.core.plugin.singer.tap import SingerTap
    from meltano.core.state_service import StateService

    guard = Guard(told)
    get_state, keep, look_up = StateService.get_state, StateService.add_state, SingerTap.look_up_state

    def guarded_state(self, state_id):
        return guard.state_of(get_state, self, state_id)

    def add_state(self, job, new_state, *args, **kwargs):
        keep(self, job, guard.marked(new_state), *args, **kwargs)

    async def look_up_state(self, plugin_invoker):
        context = plugin_invoker.context
        if context and context.job and context.full_refresh:
            # Otherwise Meltano would notice only after reading everything that the new state cannot be stored.
            with StateService(project=context.project, session=context.session) as service:
                service.get_state(context.job.job_name)
        await look_up(self, plugin_invoker)

    StateService.get_state = guarded_state
    StateService.add_state = add_state
    SingerTap.look_up_state = look_up_state


def name_settings():
    """Names the files with a plugin's settings after the run, so that those of a killed run can be recognized."""
    from meltano.core.plugin.singer.base import SingerPlugin

    run = os.path.basename(os.environ["MELTANO_PROJECT_ROOT"])
    SingerPlugin.instance_uuid = property(lambda self: run)


class Settings:
    """Copies the settings of a tap to the run's folder: as Meltano writes them, and as the tap changes them.

    Taps write a new token into their settings, which Meltano deletes at the end. spile compares both copies.
    """

    PAUSE = 1

    def __init__(self, _):
        self.folder = os.environ["MELTANO_PROJECT_ROOT"]
        self.lock = threading.Lock()
        self.path = self.seen = None

    def begin(self, path):
        with self.lock:
            self.copy(path, "settings_before.json")
            is_first, self.path, self.seen = self.path is None, path, self.state(path)
        if is_first:
            threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while True:
            time.sleep(self.PAUSE)
            self.look()

    def look(self):
        with self.lock:
            found = self.state(self.path)
            if found in (None, self.seen) or not self.copy(self.path, "settings_after.json"):
                return
            self.seen = found
        # It also makes spile look.
        say("The tap has changed its settings file")

    @staticmethod
    def state(path):
        try:
            found = os.stat(path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def copy(self, path, name):
        """Copies settings with their time, unless they are incomplete or in another format."""
        try:
            found = self.state(path)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            is_table = isinstance(json.loads(text), dict)
        except (OSError, ValueError):
            return False
        if not is_table:
            return False
        copy = os.path.join(self.folder, name)
        with open(copy + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.utime(copy + ".new", ns=(found[0], found[0]))
        os.replace(copy + ".new", copy)
        return True


def watch_settings(settings):
    """Hooks into Meltano where it has written a tap's settings, and before it deletes them."""
    from meltano.core.plugin_invoker import PluginInvoker

    prepare, cleanup = PluginInvoker.prepare, PluginInvoker.cleanup

    async def prepare_and_copy(self, session):
        await prepare(self, session)
        if self.plugin.type == "extractors":
            settings.begin(str(self.files["config"]))

    async def copy_and_clean_up(self):
        if str(self.files.get("config")) == settings.path:
            settings.look()
        await cleanup(self)

    PluginInvoker.prepare, PluginInvoker.cleanup = prepare_and_copy, copy_and_clean_up


def discover_afresh():
    """Gives a tap only its settings: with the catalog of the last sync, many taps return that one, selection included."""
    from meltano.core.plugin.singer.tap import SingerTap

    SingerTap.exec_args = lambda self, invoker: ["--config", invoker.files["config"]]


class Preview:
    """Reads the first records of each selected stream.

    The tap reads its streams in its own order. If it goes on with a stream that has enough records, it is stopped and
    started again without the streams that have enough, so that a large stream is not read to its end before the next.
    """

    # The most bytes of a line.
    LONGEST = 16 * 1024 * 1024
    # How many superfluous records in a row stop the tap. Records of related streams may arrive alternately.
    SURPLUS = 100
    # How many seconds the tap may take to stop.
    PATIENCE = 5

    def __init__(self, asked):
        # A test needs only the first record of any stream.
        self.most, self.is_test = asked["records"], asked["is_test"]
        self.records, self.schemas = {}, set()
        self.last_error = ""
        # The names of each selected stream: its id, and the name in its messages. `None` without a catalog.
        self.selected = None
        self.is_cut = False

    async def validate(self, invoker):
        while (failed := await self.read(invoker)) is None:
            pass
        if not failed and not self.is_test:
            without = [sorted(names)[0] for names in self.selected or [] if not names & self.records.keys()]
            self.write(json.dumps({"type": "PREVIEW", "without": without, "is_cut": self.is_cut}) + "\n")
        return not failed, failed

    async def read(self, invoker):
        """Runs the tap until it ends or is stopped. Returns why it failed, "" if all is read, `None` to start it again."""
        deselected = self.full()
        pipe = asyncio.subprocess.PIPE
        process = await invoker.invoke_async(stdout=pipe, stderr=pipe, limit=self.LONGEST)
        errors = asyncio.ensure_future(self.pass_errors(process))
        surplus = 0
        try:
            async for line in process.stdout:
                line = line.decode(errors="replace")
                stream = self.take(line)
                if self.is_test and (stream is not None or '"BATCH"' in line):
                    return ""
                if stream is None:
                    continue
                surplus = surplus + 1 if self.records[stream] > self.most else 0
                if self.records[stream] == self.most and self.has_enough():
                    return ""
                if surplus == self.SURPLUS:
                    # If the tap reads a stream although it is deselected, it would do so again.
                    self.is_cut = self.selected is None or stream in deselected
                    return "" if self.is_cut else None
            code = await process.wait()
            await errors
            return (self.last_error or f"the tap ended with exit code {code}") if code else ""
        except ValueError:
            return f"the tap wrote a line of more than {self.LONGEST >> 20} MiB"
        finally:
            errors.cancel()
            with contextlib.suppress(asyncio.CancelledError, ValueError):
                await errors
            await self.stop(process)

    async def pass_errors(self, process):
        """Passes on what the tap writes to its standard error, and remembers the last line, as Meltano's own test does."""
        async for line in process.stderr:
            line = line.decode(errors="replace")
            self.last_error = line.strip() or self.last_error
            sys.stderr.write(line)
            sys.stderr.flush()

    def take(self, line):
        """Passes on a schema, or a record of a stream that has not enough. Returns the stream of a record."""
        if '"RECORD"' in line:
            usual = USUAL.match(line)
            stream = usual.group(1) if usual else Counter.parsed(line)
            if stream is not None:
                self.records[stream] = self.records.get(stream, 0) + 1
                if self.records[stream] <= self.most:
                    self.write(line)
            return stream
        if '"SCHEMA"' in line and hash(line) not in self.schemas:
            self.schemas.add(hash(line))
            self.write(line)
        return None

    @staticmethod
    def write(line):
        sys.stdout.write(line if line.endswith("\n") else line + "\n")
        sys.stdout.flush()

    def full(self):
        return {stream for stream, count in self.records.items() if count >= self.most}

    def has_enough(self):
        full = self.full()
        return self.selected is not None and all(names & full for names in self.selected)

    async def stop(self, process):
        """Stops the tap. Reads what it has written, because it may wait for that."""
        for end in (process.terminate, process.kill):
            if process.returncode is not None:
                return
            end()
            try:
                await asyncio.wait_for(process.communicate(), self.PATIENCE)
            except asyncio.TimeoutError:
                pass

    def narrow(self, path):
        """Deselects the streams that have enough records, in the catalog that the tap is about to get."""
        with open(path) as file:
            catalog = json.load(file)
        streams = [stream for stream in catalog.get("streams", []) if isinstance(stream, dict)]
        selected = {id(stream): self.names(stream) for stream in streams if Catalogs.is_selected(stream)}
        if self.selected is None:
            self.selected = list(selected.values())
        full = self.full()
        for stream in streams:
            if selected.get(id(stream), set()) & full:
                self.deselect(stream)
        with open(path, "w") as file:
            json.dump(catalog, file)

    @staticmethod
    def names(stream):
        return {str(stream[key]) for key in ("tap_stream_id", "stream") if stream.get(key)}

    @staticmethod
    def deselect(stream):
        own = [one["metadata"] for one in stream.get("metadata", []) if not one.get("breadcrumb")]
        for says in own or [stream]:
            says["selected"] = False
            if says.get("inclusion") == "automatic":
                says["inclusion"] = "available"


def preview_instead(preview):
    """Hooks into Meltano where it tests a tap, and into where it applies the selection."""
    from meltano.core.plugin.singer.tap import SingerTap
    from meltano.core.plugin_test_service import ExtractorTestService

    apply = SingerTap.apply_catalog_rules

    async def apply_catalog_rules(self, invoker, *args, **kwargs):
        await apply(self, invoker, *args, **kwargs)
        preview.narrow(invoker.files["catalog"])

    async def validate(self, **kwargs):
        return await preview.validate(self.plugin_invoker)

    SingerTap.apply_catalog_rules = apply_catalog_rules
    ExtractorTestService.validate = validate


# The folders of scripts that take over: one compares both plugins instead of running them, one certifies a tap.
INSTEAD = ("compare", "certify")


def instead():
    """Returns what spile asks a script to do instead; `None` if it asks for nothing."""
    here = os.path.dirname(os.path.abspath(__file__))
    files = [os.path.join(here, folder, "asked.json") for folder in INSTEAD]
    return next(filter(os.path.exists, files), None)


def take_over(asked):
    sys.path.insert(0, os.path.dirname(asked))
    import driver

    driver.take_over(asked)


def install_locked(steps):
    """Has Meltano install exactly what a lock names, in place of a plugin's `pip_url`.

    Meltano still remembers the `pip_url`, so that it does not install the plugin again.
    """
    from meltano.core.venv_service import VirtualEnvService

    install = VirtualEnvService.pip_install

    async def pip_install(self, pip_install_args, *, clean=False, **options):
        for arguments in steps:
            process = await install(self, arguments, clean=clean, **options)
            clean = False
        return process

    VirtualEnvService.pip_install = pip_install


def migrate_if_needed():
    """Spares Meltano the check of its database's migrations if the database is at the newest one.

    Meltano loads alembic and all migrations to find that out, at the start of every run.
    """
    from meltano.core.migration_service import MigrationService

    upgrade = MigrationService.upgrade

    def upgrade_if_needed(self, *args, **kwargs):
        if version(self.engine) != self.lock_path.read_text().strip():
            upgrade(self, *args, **kwargs)

    def version(engine):
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with engine.connect() as connection:
                return connection.execute(text("select version_num from alembic_version")).scalar_one_or_none()
        except SQLAlchemyError:  # A new database has no such table.
            return None

    MigrationService.upgrade = upgrade_if_needed


def stop_with(spile):
    wait_for_the_end(spile)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    # This process leads its own group, which contains everything that it started.
    os.killpg(os.getpgrp(), signal.SIGKILL)


def wait_for_the_end(spile):
    """Waits until spile has ended: the parent of this process, or the other end of a socket if this process was forked from a
    prepared one."""
    kind, _, number = spile.rpartition(":")
    if kind:
        with contextlib.suppress(OSError):
            while os.read(int(number), 1):
                pass
    else:
        while os.getppid() == int(number):
            time.sleep(1)


if __name__ == "__main__":
    gc.disable()
    threading.Thread(target=stop_with, args=(sys.argv.pop(1),), daemon=True).start()
    wanted, told = sys.argv.pop(1), take_bookmarks()
    preview = asked(Preview, "preview.json")
    other = instead()
    streams = asked(Streams, "streams.json") if preview or other or "run" in sys.argv else None
    # Not tried: without it, something else would be installed.
    if (steps := asked(list, "lock.json")) is not None:
        install_locked(steps)
    # Not tried: without it, new tokens would be lost.
    if settings := asked(Settings, "rotation.json"):
        watch_settings(settings)
    # Not tried: without it, more would be read and other bookmarks would change.
    if streams:
        narrow_state(streams)
    counters, arrivals = [], []
    try:
        name_settings()
        migrate_if_needed()
        if told is not None:
            guard_bookmarks(told)
        if "run" in sys.argv:
            arrivals = count_records(counters)
            tell_bookmarks()
            store_bookmarks_seldom()
        if "--discover" not in sys.argv:
            watch_catalogs(wanted, counters)
            quicken()
        if "--discover" in sys.argv:
            discover_afresh()
    except Exception as error:  # An unexpected version of Meltano still runs, without these additions.
        print(f"records are not counted, bookmarks are not reported or guarded, or catalogs are not watched: {error}", file=sys.stderr)
    if streams:
        narrow_run(streams)
    # Not tried: without it, the processes would overwrite each other's bookmarks and files.
    if part := asked(Part, "part.json"):
        share_run(part, streams)
    # Not tried: without it, rows would stay.
    if reset := asked(Reset, "reset.json"):
        reset_at_the_end(reset, arrivals)
    # Not tried: without it, the tap would be tested.
    if preview:
        preview_instead(preview)
    # Not tried: without it both would run.
    if other:
        take_over(other)
    from meltano.cli import main

    gc.freeze()
    # A large catalog is millions of values, none of them garbage. With the default thresholds, they would be scanned
    # again and again while it is read.
    gc.set_threshold(500_000, 20, 20)
    gc.enable()
    # At the end, everything is freed at once.
    atexit.register(gc.freeze)
    sys.argv[0] = "meltano"
    sys.exit(main())
