"""Pieces of work, some at a time in processes of their own, with what is done shown.

A piece writes its own file, so that what is done stays done when another fails.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from cortexwave.errors import RunError


@dataclass(frozen=True)
class Progress:
    """Pieces that are done, of how many, and what is being done."""

    done: int
    total: int
    stage: str


@dataclass(frozen=True)
class Work:
    """A function of a module and what it is called with; the name is for whoever waits.

    Both go to another process, so they are values that can be pickled.
    """

    name: str
    function: Callable[..., object]
    arguments: tuple[Any, ...]


def working(
    due: Sequence[Work], *, jobs: int, done: int, total: int
) -> Generator[Progress, None, None]:
    """Do pieces, `jobs` at a time; `done` of `total` were done before."""
    if jobs <= 1 or len(due) <= 1:
        for each in due:
            yield Progress(done, total, each.name)
            each.function(*each.arguments)
            done += 1
        return
    # threads of the numeric libraries do not survive a fork
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        started = {pool.submit(each.function, *each.arguments): each for each in due}
        try:
            for finished in as_completed(started):
                finished.result()
                done += 1
                yield Progress(done, total, started[finished].name)
        except BrokenProcessPool:
            raise RunError(
                "a process that measured a session ended; the sessions that are "
                "done are kept. In a script, what starts processes stands below "
                "`if __name__ == '__main__':`; jobs=1 needs none"
            ) from None
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
