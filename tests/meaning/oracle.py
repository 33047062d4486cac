"""Reports what a project means to Meltano, using Meltano's own classes.

One JSON request per line on stdin, one JSON answer per line on stdout. A request has a `folder`, an `environment` of
variables, and the `discovery` that every tap reports. With `dump` it also writes the files as Meltano does when it sets
something. A request with `parse` has only one file parsed. Run by the Python of Meltano's own environment: it takes a
second to start, and some 20 to 40 milliseconds for each project, because it computes once what Meltano computes again for
every setting. With `quick` it has libyaml find the nodes of a file; comments are lost, so this excludes `dump`.
"""

import copy
import functools
import gc
import io
import json
import logging
import os
import sys
import warnings
from pathlib import Path

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
os.environ["MELTANO_SEND_ANONYMOUS_USAGE_STATS"] = "false"

import structlog  # noqa: E402
import yaml as libyaml  # noqa: E402

structlog.configure(
    wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
    logger_factory=structlog.PrintLoggerFactory(sys.stderr),
)

from ruamel.yaml import nodes  # noqa: E402

from meltano.core import utils  # noqa: E402
from meltano.core import yaml as files  # noqa: E402
from meltano.core.block.extract_load import generate_state_id  # noqa: E402
from meltano.core.plugin import PluginType  # noqa: E402
from meltano.core.plugin.error import PluginNotFoundError  # noqa: E402
from meltano.core.plugin.settings_service import PluginSettingsService  # noqa: E402
from meltano.core.plugin.singer.catalog import (  # noqa: E402
    MetadataExecutor,
    SchemaExecutor,
    select_metadata_rules,
)
from meltano.core.plugin.singer.mapper import SingerMapper  # noqa: E402
from meltano.core.plugin.singer.tap import config_metadata_rules, config_schema_rules  # noqa: E402
from meltano.core.meltano_file import MeltanoFile  # noqa: E402
from meltano.core.plugin.project_plugin import ProjectPlugin  # noqa: E402
from meltano.core.project import Project  # noqa: E402
from meltano.core.project_files import ProjectFiles  # noqa: E402
from meltano.core.project_settings_service import ProjectSettingsService  # noqa: E402
from meltano.core.schedule_service import ScheduleService  # noqa: E402
from meltano.core.settings_service import SettingsService, SettingValueStore  # noqa: E402
from meltano.core.settings_store import AutoStoreManager  # noqa: E402
from meltano.core.task_sets_service import TaskSetsService  # noqa: E402
from meltano.core.utils import expand_env_vars  # noqa: E402

# Settings that Meltano generates for a project without them.
OWN = ("MELTANO_PROJECT_ID",)

# Places in a file: an environment that repeats the plugin's value means the same.
FILE = ("meltano_yml", "meltano_environment", "inherited")


def kept(owner, key, work_out):
    """Returns the cached result for an owner, or computes it. Nothing changes during a request."""
    answers = owner.__dict__.setdefault("_kept_answers", {})
    if key not in answers:
        answers[key] = work_out()
    return answers[key]


def remember():
    """Makes Meltano's services cache their own values, because each setting asks for all the others again."""
    remember_constants()
    configure, as_env, get = SettingsService.config_with_metadata, SettingsService.as_env, AutoStoreManager.get

    def config_with_metadata(self, *, prefix=None, extras=None, source=SettingValueStore.AUTO, **others):
        def ask(extras):
            return configure(self, prefix=prefix, extras=extras, source=source, **others)

        if prefix or others.get("redacted") or not others.get("expand_env_vars", True):
            return ask(extras)
        if extras is not None:
            return kept(self, ("config", extras, source), lambda: ask(extras))
        both = {extra: config_with_metadata(self, extras=extra, source=source, **others) for extra in (False, True)}
        return {one.name: both[one.is_extra][one.name] for one in self.definitions()}

    def environment(self, *, extras=None, source=SettingValueStore.AUTO, **others):
        work_out = functools.partial(as_env, self, extras=extras, source=source, **others)
        if others.get("redacted"):
            return work_out()
        if isinstance(self, ProjectSettingsService) and not others and PARSING["quick"]:
            return kept(self, ("env", extras, source), lambda: of_similar(self.project, (extras, source), work_out))
        return kept(self, ("env", extras, source), work_out)

    def setting(self, name, setting_def=None, *, cast_value=False, **others):
        work_out = functools.partial(get, self, name, setting_def, cast_value=cast_value, **others)
        service = self.settings_service
        if not isinstance(service, ProjectSettingsService):
            return work_out()
        value, metadata = kept(service, ("get", name, cast_value), work_out)
        return value, dict(metadata)

    SettingsService.config_with_metadata, SettingsService.as_env = config_with_metadata, environment
    AutoStoreManager.get = setting


# The variables of projects' own settings, by everything that determines them.
OF_PROJECTS = {}

# Stands for the folder of a project.
ROOT = "/folder-of-the-project"


def of_similar(project, asked, work_out):
    """Returns the variables of the project's own settings. They depend on the file outside of plugins and runs."""
    raw = project.project_files.load()
    environment = project.environment
    follows = (asked, json.dumps([frame_of(raw), environment and environment.env, dict(os.environ)], default=str))
    if follows not in OF_PROJECTS:
        if len(OF_PROJECTS) > 500:
            OF_PROJECTS.clear()
        OF_PROJECTS[follows] = json.dumps(work_out()).replace(str(project.root), ROOT)
    return json.loads(OF_PROJECTS[follows].replace(ROOT, str(project.root)))


def remember_constants():
    """Makes Meltano cache what it computes for each setting again although no project changes it."""
    managers = {store: store.manager for store in SettingValueStore}
    sources = [store for store in SettingValueStore.readables() if store is not SettingValueStore.AUTO]
    SettingValueStore.manager = property(managers.__getitem__)
    AutoStoreManager.sources = property(lambda _: sources)
    # The store where a new value would go; nothing is set here.
    AutoStoreManager.auto_store = lambda *_, **__: None
    utils.to_env_var = functools.cache(utils.to_env_var)
    variables = PluginSettingsService.setting_env_vars

    def setting_env_vars(self, setting_def, *, for_writing=False):
        work_out = functools.partial(variables, self, setting_def, for_writing=for_writing)
        # The definition is a part of the answer, so that no other one gets its identity.
        return kept(self, ("variables", id(setting_def), for_writing), lambda: (setting_def, work_out()))[1]

    PluginSettingsService.setting_env_vars = setting_env_vars
    load, merged = files.load, ProjectFiles.load
    files.load = lambda path: once(path, lambda: load(path))
    ProjectFiles.load = lambda self: once("merged", lambda: merged(self))
    Project.meltano = property(lambda self: once("parsed", lambda: MeltanoFile.parse(self.project_files.load())))


# What is known about the project of this request, which is the same in each environment.
REQUEST = {}


def once(key, work_out):
    """Returns the cached result of this request, or computes it. Nothing is written before the end of a request."""
    if key not in REQUEST:
        REQUEST[key] = work_out()
    return REQUEST[key]


class Block:
    """The parts of a block that determine its state ID."""

    def __init__(self, name):
        self.string_id = name


def as_json(value):
    """Returns a value with ordered tables, as Meltano passes it on. Numbers that JSON cannot express become text."""
    return json.loads(json.dumps(value, default=str), parse_constant=str)


def ordered(value):
    """Writes tables as lists of pairs, so that a comparison includes their order."""
    if isinstance(value, dict):
        return {"table": [[key, ordered(item)] for key, item in value.items()]}
    if isinstance(value, list):
        return [ordered(item) for item in value]
    return value


def settings_of(service):
    found = {}
    for name, meta in service.config_with_metadata().items():
        if meta["value"] is None:
            continue
        source = meta["source"].value
        # An empty table in the file equals the default.
        source = "default" if meta["value"] == {} else "file" if source in FILE else source
        found[name] = {"value": ordered(as_json(meta["value"])), "source": source}
    return found


def environment_of(service):
    """The environment of a plugin's process, besides the machine's own."""
    project = service.project
    project_env = expand_env_vars({**project.settings.env, **project.dotenv_env}, os.environ)
    active = expand_env_vars(project.environment.env, project_env) if project.environment else {}
    root_plugin = expand_env_vars(service.plugin.env, active)
    of_environment = service.environment_plugin_config
    over = expand_env_vars(of_environment.env, root_plugin) if of_environment else {}
    env = {**project_env, **service.env, **service.as_env(), **root_plugin, **active, **over}
    return {name: str(value) for name, value in env.items() if name not in OWN and os.environ.get(name) != value}


def catalog_of(service, discovery):
    catalog = copy.deepcopy(discovery)
    config = service.as_dict(extras=True)
    rules = config_schema_rules(config["_schema"])
    if rules:
        SchemaExecutor(rules).visit(catalog)
    rules = select_metadata_rules(["!*.*"])
    rules += select_metadata_rules(config["_select"])
    rules += config_metadata_rules(config["_metadata"])
    MetadataExecutor(rules).visit(catalog)
    return as_json(catalog)


def plugin_answer(project, plugin, discovery):
    service = PluginSettingsService(project, plugin)
    answer = {"settings": settings_of(service), "env": environment_of(service)}
    # The order of settings does not matter; the order within one matters to the plugin.
    config = as_json(service.as_dict(extras=False, process=True))
    answer["config"] = {name: ordered(value) for name, value in config.items()}
    if plugin.type == PluginType.EXTRACTORS:
        try:
            answer["catalog"] = catalog_of(service, discovery)
        except (ValueError, AttributeError) as error:
            # A rule that Meltano refuses is refused afterwards too.
            answer["catalog"] = f"{type(error).__name__}: {error}"
    if plugin.type == PluginType.MAPPERS:
        expandable = {**project.dotenv_env, **project.settings.env}
        mapping = SingerMapper._get_mapping_config(plugin.extra_config)
        answer["mapping"] = ordered(as_json(expand_env_vars(mapping, expandable)))
    definition = plugin.parent
    wanted = ("namespace", "pip_url", "executable", "capabilities", "variant")
    answer["definition"] = {name: as_json(getattr(plugin, name, None)) for name in wanted}
    answer["parent"] = definition.name if definition else None
    return answer


class Unusual(Exception):
    """A file that only ruamel's own parser reads as Meltano does."""


class Nodes:
    """Turns the events of libyaml into the nodes that ruamel makes of a file without comments."""

    def __init__(self, text):
        self.events = libyaml.parse(text, Loader=libyaml.CLoader)
        self.anchors = {}

    def document(self):
        start = [next(self.events), next(self.events)][1]
        if not isinstance(start, libyaml.DocumentStartEvent) or start.version or start.tags:
            raise Unusual
        root = self.node(next(self.events))
        if not isinstance([next(self.events), next(self.events)][1], libyaml.StreamEndEvent):
            raise Unusual
        return root

    def node(self, event):
        if isinstance(event, libyaml.AliasEvent):
            return self.anchors[event.anchor]
        if event.tag is not None:
            raise Unusual
        marks = {"start_mark": event.start_mark, "end_mark": event.end_mark, "anchor": event.anchor}
        if isinstance(event, libyaml.ScalarEvent):
            tag = scalar_tag(event.value, event.implicit)
            found = nodes.ScalarNode(tag, event.value, style=event.style or None, **marks)
            return self.anchored(event, found)
        is_list = isinstance(event, libyaml.SequenceStartEvent)
        kind = nodes.SequenceNode if is_list else nodes.MappingNode
        found = kind(files.yaml.resolver.resolve(kind, None, event.implicit), [], flow_style=event.flow_style, **marks)
        self.anchored(event, found)
        while not isinstance(event := next(self.events), (libyaml.SequenceEndEvent, libyaml.MappingEndEvent)):
            first = self.node(event)
            found.value.append(first if is_list else (first, self.node(next(self.events))))
        return found

    def anchored(self, event, found):
        if event.anchor is not None:
            self.anchors[event.anchor] = found
        return found


@functools.lru_cache(maxsize=5000)
def scalar_tag(text, implicit):
    return files.yaml.resolver.resolve(nodes.ScalarNode, text, implicit)


def parse(stream):
    """Parses a file as ruamel does, which takes half of the time; libyaml takes a tenth of that. Every 32nd file is parsed
    both ways, and if they differ, the oracle ends."""
    text = stream.read()
    if not PARSING["quick"]:
        return PARSE(io.StringIO(text))
    try:
        found = files.yaml.constructor.construct_document(Nodes(text).document())
    except (Unusual, StopIteration, KeyError, libyaml.YAMLError):
        return PARSE(io.StringIO(text))
    COUNTS["files"] += 1
    if COUNTS["files"] % 32 == 1 and written(found) != written(PARSE(io.StringIO(text))):
        give_up(f"libyaml and ruamel differ about this file:\n{text}")
    return found


def give_up(message):
    """Ends the oracle, because one of its shortcuts is none."""
    print(message, file=sys.stderr, flush=True)
    os._exit(1)


def written(value):
    return json.dumps(ordered(value), default=lambda value: f"{type(value)} {value}")


PARSE = files.yaml.load
PARSING = {"quick": False}
# How often each shortcut was taken.
COUNTS = {"files": 0, "alone": 0}
files.yaml.load = parse


# Answers by everything that determines them.
ANSWERS = {}

# Keys that do not affect any answer about a plugin.
ELSEWHERE = ("plugins", "environments", "jobs", "schedules", "include_paths", "project_id", "default_environment")


def frame_of(raw):
    return {key: value for key, value in raw.items() if key not in ELSEWHERE and not key.startswith("x-")}


def known_answer(project, plugin, asked, discovery):
    """Answers for a plugin. They depend on the files' text about it, its parents and their surroundings, which is often the
    same in another project. Meltano reads no annotation, and the attributes of a plugin have no order."""
    key, name, raw = asked
    frame = frame_of(raw)
    environment = next((one for one in raw.get("environments") or [] if one["name"] == name), {})
    around = {key: value for key, value in environment.items() if key not in ("config", "name", "state_id_suffix")}
    own = (environment.get("config") or {}).get("plugins") or {}
    said, overlays, one = [], [], plugin
    while isinstance(one, ProjectPlugin):
        said.append(items_of(raw["plugins"], one))
        overlays.append(items_of(own, one))
        one = one.parent
    text = json.dumps([key, frame, said, dict(os.environ)], default=str)
    # An environment that says nothing about a plugin only gives its name to it.
    is_alone = not around and not any(overlays) and "MELTANO_ENVIRONMENT" not in text
    follows = (text, "" if is_alone else json.dumps([name, around, overlays], default=str))
    is_new = follows not in ANSWERS
    if is_new:
        if len(ANSWERS) > 5000:
            ANSWERS.clear()
        ANSWERS[follows] = own_answer(project, plugin, discovery)
    answer = ANSWERS[follows]
    if not is_alone:
        return answer
    answer = {**answer, "env": {**answer["env"], "MELTANO_ENVIRONMENT": name or ""}}
    COUNTS["alone"] += 1
    if not is_new and COUNTS["alone"] % 32 == 1 and own_answer(project, plugin, discovery) != answer:
        give_up(f"{key} means something else in {name}: {text}")
    return answer


def items_of(plugins, plugin):
    """Returns what a list says about a plugin, in a fixed order."""
    items = [item for item in plugins.get(plugin.type.value) or [] if item["name"] == plugin.name]
    return [sorted((key, value) for key, value in item.items() if key != "annotations") for item in items]


def own_answer(project, plugin, discovery):
    answer = json.dumps(plugin_answer(project, plugin, discovery))
    return json.loads(answer.replace(str(project.root), "/project"))


def tasks_of(project, tasks):
    """What `meltano run` does with tasks: the plugins in order, by type."""
    found = []
    for word in tasks:
        name = word.split(":")[0]
        try:
            found.append((project.plugins.find_plugin(name).type.value, word))
        except PluginNotFoundError:
            found.append((None, word))
    return found


def state_ids(project, suffix, blocks):
    ids, consumer = [], None
    for kind, name in blocks:
        if kind == "extractors":
            consumer = name
        elif kind == "loaders" and consumer:
            # The settings of a run's first plugin expand variables in the suffix.
            project.environment.state_id_suffix = suffix
            PluginSettingsService(project, project.plugins.find_plugin(consumer.split(":")[0]))
            ids.append(generate_state_id(project, None, Block(consumer), Block(name)))
            consumer = None
    return ids


def environment_answer(project, name, discovery):
    if name:
        project.activate_environment(name)
    suffix = project.environment.state_id_suffix if name else None
    plugins = {}
    raw = project.project_files.load()
    for plugin in project.plugins.plugins():
        mapping = plugin.extra_config.get("_mapping_name")
        key = f"{plugin.type.value}/{plugin.name}" + (f"/{mapping}" if mapping else "")
        # Meltano uses the first one with a name.
        if key not in plugins:
            plugins[key] = known_answer(project, plugin, (key, name, raw), discovery)
    jobs, states = {}, {}
    for job in TaskSetsService(project).list_task_sets():
        blocks = tasks_of(project, [word for task in job.tasks for word in words(task)])
        jobs[job.name] = {"tasks": as_json(job.tasks), "blocks": blocks}
        states[job.name] = state_ids(project, suffix, blocks) if name else []
    schedules = {}
    for schedule in ScheduleService(project).schedules():
        schedules[schedule.name] = as_json(schedule.canonical())
    if name:
        # The services expand it in place, and a dump would write that.
        project.environment.state_id_suffix = suffix
    return {"plugins": plugins, "jobs": jobs, "schedules": schedules, "state_ids": states}


def words(task):
    return [word for one in task for word in words(one)] if isinstance(task, list) else task.split()


def answer(request):
    # The real `environ` decodes bytes at every access.
    os.environ = {**KEPT, **request["environment"]}
    files.cache.clear()
    REQUEST.clear()
    PARSING["quick"] = request.get("quick", False)
    # Otherwise, a version in one file would apply to the next.
    files.yaml.version = None
    if "parse" in request:
        files.load(Path(request["parse"]))
        return None
    project = Project(request["folder"])
    names = [None, *(environment.name for environment in project.meltano.environments)]
    found = {}
    for name in names:
        if (name or "") in found:
            continue
        project = Project(request["folder"])
        found[name or ""] = environment_answer(project, name, request["discovery"])
    if request.get("dump"):
        dump(Project(request["folder"]))
    return found


def dump(project):
    """Writes a project's files as `meltano run` does for one without an id."""
    REQUEST.clear()
    canonical = project.meltano.canonical()
    canonical.setdefault("project_id", "0f8fad5b-d9cb-469f-a165-70867728950e")
    project.project_files.update(canonical)


KEPT = dict(os.environ)
remember()
# Meltano's modules stay, and looking through them for garbage takes a tenth of the time.
gc.freeze()
gc.disable()
for number, line in enumerate(sys.stdin):
    if number % 200 == 199:
        gc.collect()
    try:
        said = {"answer": answer(json.loads(line))}
    except BaseException as error:  # noqa: BLE001
        said = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
