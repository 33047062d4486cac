"""Runs Meltano with the tap's standard output connected to the loader's standard input by a pipe of the system: what is left of
a run when nothing passes the records on. It stores no bookmarks and does no discovery of its own; Meltano does both."""

import asyncio
import os
import sys

from meltano.cli import main
from meltano.core.block.singer import SingerBlock

begin, proxy = SingerBlock.start, SingerBlock.proxy_stdout
ends = {}


async def start(self):
    kind = self.invoker.plugin.type
    if not ends:
        ends["loaders"], ends["extractors"] = os.pipe()
    channel = {"extractors": "stdout", "loaders": "stdin"}[kind]
    invoke = self.invoker.invoke_async

    def invoke_async(*args, **options):
        return invoke(*args, **options) if args else invoke(**{**options, channel: ends[kind]})

    self.invoker.invoke_async = invoke_async
    try:
        await begin(self)
    finally:
        del self.invoker.invoke_async
    os.close(ends[kind])


def proxy_stdout(self):
    if self.invoker.plugin.type != "extractors":
        return proxy(self)
    if self._stdout_future is None:
        self._stdout_future = asyncio.ensure_future(asyncio.shield(self.process_future))
    return self._stdout_future


SingerBlock.start, SingerBlock.proxy_stdout = start, proxy_stdout
sys.exit(main())
