"""Prints what a tap of the Singer SDK prints for `--about`, or what others print instead; TAP_ABOUT selects."""

import json
import os
import sys
import time

ABOUT = {
    "name": "tap-about",
    "description": "Says what it takes.",
    "version": "0.3.0",
    "sdk_version": "0.54.9",
    "capabilities": ["catalog", "discover", "about"],
    "settings": {
        "type": "object",
        "required": ["url"],
        "properties": {
            "url": {"type": "string", "title": "URL", "description": "Where it reads."},
            "login": {
                "type": "object",
                "properties": {"user": {"type": "string"}, "pin": {"type": "string", "secret": True}},
            },
        },
    },
}


def main():
    mode = os.environ.get("TAP_ABOUT", "well")
    if "--about" not in sys.argv or mode == "fail":
        sys.exit("tap-about: error: the following arguments are required: -c/--config")
    if mode == "garbage":
        print("usage: tap-about {--config}")
    elif mode == "hang":
        time.sleep(600)
    elif mode == "huge":
        for _ in range(100):
            print("{" * 1_000_000)
    elif mode != "nothing":
        print("a line of a library's own")
        print(json.dumps(ABOUT))
