"""Starts Meltano as its own command does, with some things added that it has no switch for.

Records are counted on their way from the tap to the target: many taps and targets do not say how many they handled. Where
`rows.py` is beside it, the loader's tables are counted before and after. Bookmarks are told, those that the tap begins with
and those that it leaves, whatever backend keeps them; where there have to be some, or they are another project's, the tap is
not started. The files with the settings of plugins, secrets included, bear the name of the run. A tap that is asked what it
offers is given nothing that an earlier run has left. A catalog that is too old is discovered anew, and what the catalog says
of the selection is told: streams that are selected and missing, and streams that arrive and are not selected. Where a folder
`compare` is beside it, both plugins are asked what they have, and neither runs. And when spile dies, Meltano is asked to stop,
so that it closes its run, and is killed with its plugins when it does not.

And it starts faster: nothing that Meltano imports becomes garbage, so none is looked for until it is there.
"""

import sys

# It lies in the folder of a run, among links to files of the project, which would be imported in the place of libraries.
sys.path.pop(0)

import atexit
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
import subprocess
import threading
import time

# What Singer's libraries write: these keys, in this order. Everything else is parsed.
USUAL = re.compile(r'\s*\{\s*"type"\s*:\s*"RECORD"\s*,\s*"stream"\s*:\s*"([^"\\]*)"')


def line_of(event, level="info", **facts):
    """Returns a line of the log that says something to spile, in members that Meltano's own lines do not have."""
    return json.dumps({"event": event, "level": level, **facts})


def say(*args, **facts):
    print(line_of(*args, **facts), file=sys.stderr, flush=True)


def package_of(program):
    """Returns the package that a plugin's program belongs to, with its version; `None` where it is none of Python's."""
    folder = os.path.dirname(os.path.dirname(program))
    for packages in glob.glob(os.path.join(glob.escape(folder), "lib", "python*", "site-packages")):
        for found in glob.glob(os.path.join(glob.escape(packages), "*.dist-info", "entry_points.txt")):
            with open(found, encoding="utf-8") as file:
                names = [line.partition("=")[0].strip() for line in file]
            if os.path.basename(program) in names:
                return os.path.basename(os.path.dirname(found)).removesuffix(".dist-info").replace("-", " ", 1)
    return None


def tell_facts(invoker):
    """Tells which package a plugin is, and which catalog it is given."""
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
    """Has the tables of a loader counted before its records go into them, and when it has ended.

    A table is counted when its stream's schema comes by: its records come later, and wait until that is done.
    """

    SECONDS = 30
    # Of so many records the keys are looked at.
    KEYS = 100_000
    # Streams in a line.
    PIECE = 100
    ENDED = "the program that counts rows has ended"
    NO_PYTHON = "its program is not from a Python package"

    def __init__(self, script):
        self.script = script
        self.block = self.counter = None
        self.answers = b""
        self.streams, self.keys, self.seen = {}, {}, {}
        self.schemas = set()
        self.left = self.KEYS
        atexit.register(self.tell)

    def start(self, block):
        """Starts what counts, in the environment of the loader, which is about to start."""
        program = str(block.invoker.exec_path())
        python = os.path.join(os.path.dirname(program), "python")
        if not os.path.exists(python):
            return
        command = [python, self.script, os.path.basename(program), str(block.invoker.files["config"])]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.block, self.counter = block, subprocess.Popen(command, env=block.invoker.env(), **pipes)
        self.answer()

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
        """Takes in a line before the loader does: what it does about a schema may already change its table."""
        # Some taps say the schema before every record.
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

    def record(self, stream, line):
        keys = self.keys.get(stream)
        if not keys or self.left == 0:
            return
        self.left -= 1
        try:
            record = json.loads(line)["record"]
            self.seen.setdefault(stream, set()).add(hash(repr([record.get(key) for key in keys])))
        except (AttributeError, KeyError, TypeError, ValueError):
            self.left = 0

    def tell(self):
        handle = self.block and self.block._process_handle
        # Of a loader that failed nobody expects anything.
        if not self.streams or (handle and handle.returncode != 0):
            return
        counts = self.ask(None) if self.counter else {}
        for stream, found in self.streams.items():
            count = counts.get(stream, {})
            found.update({"after": count["rows"]} if "rows" in count else count)
            if stream in self.seen:
                found["keys"] = len(self.seen[stream])
        pieces = list(self.streams.items())
        for start in range(0, len(pieces), self.PIECE):
            say("Rows of tables", spile_facts={"arrivals": dict(pieces[start : start + self.PIECE])})


class Counter:
    """Counts the records of a tap: one of the writers that Meltano hands every line to."""

    # Of a line that is no message only the beginning is told: spile strikes secrets out, and quotes less than this.
    LONGEST = 16 * 1024

    def __init__(self, arrivals):
        self.arrivals = arrivals
        self.is_clean = True
        self.records = {}
        self.told = {}
        self.next = time.monotonic() + 1

    def writeline(self, line):
        if '"RECORD"' not in line:
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
        """Tells the first line that is no message: a loader that stumbles over it seldom says what it read."""
        if line.strip() and not (line.lstrip().startswith("{") and '"type"' in line):
            self.is_clean = False
            say("The tap wrote a line that is not a Singer message", spile_not_singer=line[: self.LONGEST])

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


def count_records(counters):
    """Hooks a counter behind the target's input, so that it counts only what the target was given."""
    from meltano.core.block.singer import SingerBlock

    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rows.py")
    arrivals = Arrivals(script) if os.path.exists(script) else None
    proxy, begin = SingerBlock.proxy_stdout, SingerBlock.start

    async def start(self):
        tell_facts(self.invoker)
        if arrivals and self.invoker.plugin.type == "loaders":
            arrivals.start(self)
        await begin(self)

    def proxy_stdout(self):
        if self._stdout_future is not None or self.invoker.plugin.type != "extractors":
            return proxy(self)
        counter = Counter(arrivals)
        counters.append(counter)
        if arrivals:
            self.outputs.insert(0, arrivals)
        self.stdout_link(counter)
        future = proxy(self)
        future.add_done_callback(counter.tell)
        return future

    SingerBlock.proxy_stdout, SingerBlock.start = proxy_stdout, start


class Bookmarks:
    """Tells the Singer state that a tap is given, and the last one that is kept, now and then and at the end."""

    # The registry keeps them with the run: what is longer is of use to nobody who reads it there.
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
    """Hooks into where Meltano looks bookmarks up and where it keeps them."""
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


def take_streams():
    """Reads which streams spile asks for; `None` where it asks for all that are selected."""
    try:
        with open(os.path.join(os.environ["MELTANO_PROJECT_ROOT"], "streams.json")) as file:
            return Streams(json.load(file))
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
        keep(self, job, streams.merged(new_state), *args, **kwargs)

    async def apply_catalog_rules(self, invoker, *args, **kwargs):
        await apply(self, invoker, *args, **kwargs)
        streams.check(invoker.files["catalog"])

    StateService.add_state = add_state
    SingerTap.apply_catalog_rules = apply_catalog_rules


class Catalogs:
    """Keeps the catalog of a tap fresh, and tells what it has to do with the selection."""

    def __init__(self, wanted, counters):
        # `kept` leaves it to Meltano; `renew` discovers anew; `try` does too, and keeps the old one where that fails; `given`
        # takes the one that spile has asked for.
        self.wanted = wanted
        self.counters = counters
        self.is_discovered = False
        # The catalog of this run with the rules applied, or the patterns that the tap is never told.
        self.catalog = None
        self.ignored = None

    async def discover(self, discover, tap, invoker):
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
        """Returns the last catalog and its key, where it is one of the same settings."""
        try:
            catalog = invoker.files["catalog"].read_bytes()
            key = invoker.files["catalog_cache_key"].read_text()
        except OSError:
            return None
        return (catalog, key) if catalog and key == tap.catalog_cache_key(invoker) else None

    def compare(self, rules, catalog):
        """Tells which streams are wanted by name or pattern, and not in the catalog."""
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
        """Tells how many streams are selected, and which have arrived though they are not."""
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
        # A stream may bear another name than its id; of one that no entry is about nothing is known.
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
    """Which rules are about a node of a catalog, remembered: most nodes of thousands of streams get the same answer."""

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
    """Visits a catalog as Meltano's own executor of rules does: the same nodes, in the same order.

    Meltano matches three patterns against the path of every value, and writes a line for a log that nobody reads for every
    rule that it applies: with thousands of streams that takes several seconds.
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
        # Most dictionaries of a catalog are on no such path.
        elif ".properties." in path and self.PROPERTY.search(path):
            self.property(path)
            return True
        return False

    def property(self, path):
        breadcrumb = path[path.index("properties") :].split(".")
        # Each new one would be looked for among all of its stream.
        if tuple(breadcrumb) not in self.known:
            self.known.add(tuple(breadcrumb))
            self.executor.ensure_metadata(breadcrumb)


class Parsed:
    """Stands in for the module `json` where Meltano reads catalogs, so that each is parsed once.

    Meltano parses a catalog to see whether it is one, forgets it, and parses it again to apply the rules to it.
    """

    def __init__(self):
        self.about, self.value = None, None

    def load(self, file):
        about = os.fstat(file.fileno())
        about = (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)
        if about == self.about:
            # It is handed out for good: what is done to it is not what the file says.
            value, self.about, self.value = self.value, None, None
            return value
        self.about, self.value = about, json.load(file)
        return self.value

    def __getattr__(self, name):
        return getattr(json, name)


def quicken():
    """Makes Meltano faster with large catalogs: each is parsed once and rules are matched once."""
    from meltano.core.plugin.singer import tap
    from meltano.core.plugin.singer.catalog import MetadataExecutor, MetadataRule, SelectionType

    def set_metadata(self, node, path, key, value):
        if key == "selected" and value is True and node.get("inclusion") == SelectionType.UNSUPPORTED:
            return
        node[key] = value

    dumps = tap.json_dumps
    tap.json_dumps = lambda value, **options: dumps(value, **{**options, "indent": None})
    tap.json = Parsed()
    MetadataRule.matching = Matching()
    MetadataExecutor.set_metadata = set_metadata
    MetadataExecutor.visit = lambda self, catalog: Walk(self).into(catalog, "")


async def redirect(stream, *files, write_str=False):
    """Writes what a tap says of its streams to files, whatever its lines are.

    Meltano reads it line by line, and waits for ever for a tap whose catalog is one line of more than 10 MiB.
    """
    while stream and (data := await stream.read(1 << 16)):
        for file in files:
            file.write(data.decode(errors="replace") if write_str else data)


def watch_catalogs(wanted, counters):
    """Hooks into where Meltano discovers the catalog of a tap and where it applies the selection to it."""
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
    """Keeps a run from beginning with bookmarks that are not its own, or from nothing where there have to be some."""

    # Beside the Singer state, in whatever keeps it: Meltano carries along what it does not know.
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
    """Reads what spile tells of the bookmarks, and removes it: it may hold a token, which is no plugin's business."""
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
    """Hooks into where Meltano reads state, a full refresh included, and into where it writes it."""
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
            # Meltano would find out after everything is read that what it leaves cannot be kept.
            with StateService(project=context.project, session=context.session) as service:
                service.get_state(context.job.job_name)
        await look_up(self, plugin_invoker)

    StateService.get_state = guarded_state
    StateService.add_state = add_state
    SingerTap.look_up_state = look_up_state


def name_settings():
    """Names the files with a plugin's settings after the run, so that those of a run that was killed are known."""
    from meltano.core.plugin.singer.base import SingerPlugin

    run = os.path.basename(os.environ["MELTANO_PROJECT_ROOT"])
    SingerPlugin.instance_uuid = property(lambda self: run)


def discover_afresh():
    """Gives a tap its settings alone: with the catalog of its last sync many say that one again, selection and all."""
    from meltano.core.plugin.singer.tap import SingerTap

    SingerTap.exec_args = lambda self, invoker: ["--config", invoker.files["config"]]


def compare_instead(folder):
    """Has both plugins asked instead of run, where spile wants to know whether they agree."""
    asked = os.path.join(folder, "asked.json")
    if os.path.exists(asked):
        sys.path.insert(0, folder)
        import driver

        driver.take_over(asked)


def stop_with(parent):
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    # It leads a group of its own, with all that it started.
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    gc.disable()
    threading.Thread(target=stop_with, args=(int(sys.argv.pop(1)),), daemon=True).start()
    wanted, told = sys.argv.pop(1), take_bookmarks()
    streams = take_streams() if "run" in sys.argv else None
    # Not tried: without it, more would be read and other bookmarks would change.
    if streams:
        narrow_state(streams)
    try:
        name_settings()
        if told is not None:
            guard_bookmarks(told)
        counters = []
        if "run" in sys.argv:
            count_records(counters)
            tell_bookmarks()
        if "--discover" not in sys.argv:
            watch_catalogs(wanted, counters)
            quicken()
        if "--discover" in sys.argv:
            discover_afresh()
    except Exception as error:  # Another Meltano than this was written for: it runs all the same.
        print(f"records are not counted, bookmarks are not reported or guarded, or catalogs are not watched: {error}", file=sys.stderr)
    if streams:
        narrow_run(streams)
    # Not tried: without it both would run.
    compare_instead(os.path.join(os.path.dirname(os.path.abspath(__file__)), "compare"))
    from meltano.cli import main

    gc.freeze()
    # A large catalog is millions of values, none of them garbage: with the usual threshold they are looked through again
    # and again while it is read.
    gc.set_threshold(500_000, 20, 20)
    gc.enable()
    # At the end everything is given back at once.
    atexit.register(gc.freeze)
    sys.argv[0] = "meltano"
    sys.exit(main())
