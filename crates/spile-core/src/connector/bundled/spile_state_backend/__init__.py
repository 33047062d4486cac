"""Keeps Meltano's state in the hosted registry of a spile project, by way of the spile that began the run.

The key of the registry stays with spile. This add-on has a token that spile made for one run and one state id; it is told
by `launch.py`, in no variable and no argument, so that no plugin gets it.
"""

from __future__ import annotations

import json
import socket
import typing as t
from contextlib import contextmanager
from fnmatch import fnmatchcase

from meltano.core.state_store.base import MeltanoState, StateStoreManager

# The registry is asked several times before spile gives up.
PATIENCE = 180

_connection: dict[str, t.Any] = {}


class RegistryError(Exception):
    """The registry does not keep the state, or spile is gone."""


def connect(connection: dict[str, t.Any]) -> None:
    """Takes where spile listens, the token, and the state id that the token is good for."""
    _connection.update(connection)


class RegistryStateStoreManager(StateStoreManager):
    """Asks spile, which asks the registry."""

    label = "spile's registry"

    def set(self, state: MeltanoState) -> None:
        self._ask(state.state_id, do="set", state=state.json())

    def get(self, state_id: str) -> MeltanoState | None:
        text = self._ask(state_id, do="get").get("state")
        if text is None:
            return None
        kept = json.loads(text)
        return MeltanoState(
            state_id=state_id,
            completed_state=kept.get("completed") or {},
            partial_state=kept.get("partial") or {},
        )

    def delete(self, state_id: str) -> None:
        self._ask(state_id, do="set", state=None)

    def get_state_ids(self, pattern: str | None = None) -> list[str]:
        state_id = _connection["state_id"]
        is_wanted = pattern is None or fnmatchcase(state_id, pattern)
        return [state_id] if is_wanted and self.get(state_id) else []

    @contextmanager
    def acquire_lock(self, state_id: str, *, retry_seconds: float = 1) -> t.Iterator[None]:
        # The lease of the integration, which spile holds, is the lock.
        yield

    def _ask(self, state_id: str, **question: t.Any) -> dict[str, t.Any]:
        text = json.dumps({"token": _connection["token"], "state_id": state_id, **question})
        try:
            with socket.create_connection(("127.0.0.1", _connection["port"]), timeout=PATIENCE) as stream:
                stream.sendall(text.encode() + b"\n")
                with stream.makefile("rb") as lines:
                    answer = json.loads(lines.readline())
        except (OSError, ValueError) as error:
            raise RegistryError(f"the spile that began this run does not answer: {error}") from error
        if "error" in answer:
            raise RegistryError(answer["error"])
        return answer
