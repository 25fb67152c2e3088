"""Parties that share a folder, of which one moves at a time: each look and each act is a step."""

import builtins
import os
import threading
from collections.abc import Callable
from typing import Any

ACTS = ("rename", "link", "mkdir", "unlink", "rmdir", "replace", "makedirs")
LOOKS = ("scandir", "listdir")
PATH_LOOKS = ("exists", "isdir", "islink", "samefile")


class Dies(BaseException):
    """The process is lost."""


class Party(threading.Thread):
    """What one process does, step by step.

    Args:
        name: whose it is.
        act: what it does; given the party itself.
    """

    def __init__(self, name: str, act: Callable[["Party"], None]):
        super().__init__(name=name, daemon=True)
        self._act = act
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self.is_dead = self.is_done = self.is_inside = self.has_acted = self.has_job = False
        self.steps = 0
        self.ended_with: BaseException | None = None
        self.start()
        self._back.acquire()  # it stands before its first step, or is done

    def run(self) -> None:
        try:
            self._act(self)
        except BaseException as error:  # the conductor judges it
            self.ended_with = error
        self.is_done = True
        self._back.release()

    def move(self) -> bool:
        """Lets it do the step before which it stands; gives whether that was an act."""
        self.has_acted = False
        self.steps += 1
        self._go.release()
        self._back.acquire()
        return self.has_acted

    def kill(self) -> None:
        """Loses it: none of what it would still do has an effect."""
        self.is_dead = True
        while not self.is_done:
            self.move()

    def step(self, is_act: bool) -> None:
        """Waits for its turn; called by itself."""
        if not self.is_dead:
            self._back.release()
            self._go.acquire()
        if self.is_dead:
            raise Dies
        self.has_acted = is_act


def conduct(monkeypatch) -> None:
    """Makes a step of all that a party's thread looks at, or changes, on the disk."""

    def stepped(real: Callable, is_act: bool) -> Callable:
        def call(*arguments: Any, **named: Any) -> Any:
            party = threading.current_thread()
            if not isinstance(party, Party) or party.is_inside:
                return real(*arguments, **named)
            party.step(is_act)
            party.is_inside = True
            try:
                return real(*arguments, **named)
            finally:
                party.is_inside = False

        return call

    for name in (*ACTS, *LOOKS):
        monkeypatch.setattr(os, name, stepped(getattr(os, name), name in ACTS))
    for name in PATH_LOOKS:
        monkeypatch.setattr(os.path, name, stepped(getattr(os.path, name), False))
    monkeypatch.setattr(builtins, "open", stepped(builtins.open, False))
