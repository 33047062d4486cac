"""Checks that the faster executor produces the same catalogs as Meltano's own, whatever they contain.

Given: the path of `launch.py`, a seed, a count. Run by Meltano's own Python.
"""

import copy
import importlib.util
import json
import logging
import random
import sys

import structlog
from meltano.core.plugin.singer import catalog as singer

NAMES = ["id", "a-b", "a.b", "name", "properties", "streams", "metadata", "schema", "x y", ""]
PATTERNS = ["*.*", "s0.*", "!s1.*", "s*.id", "!*.name", "s0.a-b", "s2.name.id", "!s0.name.*", "s1", "s0.properties.*"]


def schema(dice, depth):
    kind = dice.choice(["string", ["null", "object"], "object", ["null", "array"]])
    said = {"type": kind}
    if depth and "object" in kind:
        said["properties"] = {name: schema(dice, depth - 1) for name in dice.sample(NAMES, dice.randrange(4))}
    if depth and "array" in kind:
        said["items"] = schema(dice, depth - 1)
    if dice.random() < 0.2:
        said["anyOf"] = [schema(dice, 0), {"type": "null", "properties": {"id": {"type": "string"}}}]
    return dict(dice.sample(list(said.items()), len(said)))


def entry(dice):
    breadcrumb = [part for name in dice.sample(NAMES, dice.randrange(3)) for part in ("properties", name)]
    said = dice.choice([{}, {"inclusion": "unsupported"}, {"inclusion": "available", "selected": True}])
    return dice.choice([{"breadcrumb": breadcrumb, "metadata": dict(said)}] * 5 + [{"metadata": dict(said)}])


def stream(dice, number):
    said = {"tap_stream_id": f"s{number}", "stream": f"s{number}", "schema": schema(dice, 3)}
    if dice.random() < 0.8:
        said["metadata"] = [entry(dice) for _ in range(dice.randrange(5))]
        # Metadata without a breadcrumb is ignored, and breaks Meltano's own search for breadcrumbs.
        said["metadata"] = [one for one in said["metadata"] if "breadcrumb" in one]
    return dict(dice.sample(list(said.items()), len(said)))


def outcome(rules, catalog):
    try:
        singer.MetadataExecutor(rules).visit(catalog)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return json.dumps(catalog)


def main(path, seed, count):
    # It logs everything it sets.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    dice = random.Random(int(seed))
    cases = []
    for _ in range(int(count)):
        catalog = {"streams": [stream(dice, number) for number in range(3)], "version": 1}
        chosen = dice.sample(PATTERNS, dice.randrange(1, 5))
        rules = [*singer.select_metadata_rules(["!*.*"]), *singer.select_metadata_rules(chosen)]
        cases.append((rules, catalog, outcome(rules, copy.deepcopy(catalog))))
    found = importlib.util.spec_from_file_location("launch", path)
    launch = importlib.util.module_from_spec(found)
    found.loader.exec_module(launch)
    launch.quicken()
    for rules, catalog, before in cases:
        after = outcome(rules, copy.deepcopy(catalog))
        assert after == before, f"{json.dumps(catalog)}\n{before}\n{after}"
    print(len(cases), "catalogs,", sum('"selected": true' in before for _, _, before in cases), "with something selected")


main(*sys.argv[1:])
