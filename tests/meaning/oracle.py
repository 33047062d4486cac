"""Reports what a project means to Meltano, using Meltano's own classes.

One JSON request per line on stdin, one JSON answer per line on stdout. A request has a `folder`, an `environment` of
variables, and the `discovery` that every tap reports. With `dump` it first writes the files as Meltano does
when it sets something. A request with `parse` has only one file parsed. Run by the Python of Meltano's own environment: it takes a second to start, and some 50
milliseconds for each project, because it computes once what Meltano computes again for every setting.
"""

import copy
import functools
import gc
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

structlog.configure(
    wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
    logger_factory=structlog.PrintLoggerFactory(sys.stderr),
)

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
from meltano.core.plugin.project_plugin import ProjectPlugin  # noqa: E402
from meltano.core.project import Project  # noqa: E402
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
        return work_out() if others.get("redacted") else kept(self, ("env", extras, source), work_out)

    def setting(self, name, setting_def=None, *, cast_value=False, **others):
        work_out = functools.partial(get, self, name, setting_def, cast_value=cast_value, **others)
        service = self.settings_service
        if not isinstance(service, ProjectSettingsService):
            return work_out()
        value, metadata = kept(service, ("get", name, cast_value), work_out)
        return value, dict(metadata)

    SettingsService.config_with_metadata, SettingsService.as_env = config_with_metadata, environment
    AutoStoreManager.get = setting


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


# Answers by everything that determines them.
ANSWERS = {}

# Keys that do not affect any answer about a plugin.
ELSEWHERE = ("plugins", "environments", "jobs", "schedules", "include_paths", "project_id", "default_environment")


def known_answer(project, plugin, asked, discovery):
    """Answers for a plugin. They depend on the files' text about it, its parents and their surroundings, which is often the
    same in another project."""
    key, name, raw = asked
    frame = {key: value for key, value in raw.items() if key not in ELSEWHERE and not key.startswith("x-")}
    environment = next((one for one in raw.get("environments") or [] if one["name"] == name), {})
    around = {key: value for key, value in environment.items() if key != "config"}
    own = (environment.get("config") or {}).get("plugins") or {}
    said, one = [], plugin
    while isinstance(one, ProjectPlugin):
        for plugins in (raw["plugins"], own):
            said.append([item for item in plugins.get(one.type.value) or [] if item["name"] == one.name])
        one = one.parent
    follows = json.dumps([key, name, frame, around, said, dict(os.environ)], default=str)
    if follows not in ANSWERS:
        if len(ANSWERS) > 5000:
            ANSWERS.clear()
        answer = json.dumps(plugin_answer(project, plugin, discovery))
        ANSWERS[follows] = json.loads(answer.replace(str(project.root), "/project"))
    return ANSWERS[follows]


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
    return {"plugins": plugins, "jobs": jobs, "schedules": schedules, "state_ids": states}


def words(task):
    return [word for one in task for word in words(one)] if isinstance(task, list) else task.split()


def answer(request):
    # The real `environ` decodes bytes at every access.
    os.environ = {**KEPT, **request["environment"]}
    files.cache.clear()
    # Otherwise, a version in one file would apply to the next.
    files.yaml.version = None
    if "parse" in request:
        files.load(Path(request["parse"]))
        return None
    names = [None]
    project = Project(request["folder"])
    if request.get("dump"):
        project.project_files.update(project.meltano.canonical())
        return None
    names += [environment.name for environment in project.meltano.environments]
    found = {}
    for name in names:
        if (name or "") in found:
            continue
        project = Project(request["folder"])
        found[name or ""] = environment_answer(project, name, request["discovery"])
    return found


KEPT = dict(os.environ)
remember()
# Meltano's modules stay, and looking through them for garbage takes a tenth of the time.
gc.freeze()
gc.disable()
for number, line in enumerate(sys.stdin):
    if number % 50 == 49:
        gc.collect()
    try:
        said = {"answer": answer(json.loads(line))}
    except BaseException as error:  # noqa: BLE001
        said = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
