"""The order of the runs: every contender once, then every contender again.

What else a shared machine does then falls on all of them alike, and a ratio is taken within a
round, of runs that lie minutes apart.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from benchmarks.contenders import Contender
from benchmarks.process import Failed


def schedule(contenders: Iterable[Contender], rounds: int) -> Iterator[tuple[int, Contender]]:
    """Round and contender of each run, in the order in which they are run."""
    contenders = list(contenders)
    for number in range(rounds):
        for contender in contenders:
            if number < (contender.most_rounds or rounds):
                yield number, contender


def run_all(
    contenders: Iterable[Contender],
    rounds: int,
    run: Callable[[Contender], dict[str, Any]],
    keep: Callable[[dict[str, Any]], None],
) -> None:
    """Runs everybody in turn.

    Args:
        contenders: in the order of a round.
        rounds: how many.
        run: runs one and says what it did.
        keep: is given each run as soon as it is done: `contender`, `round`, and what `run` said,
            or `error`. A contender that failed isn't run again.
    """
    failed: set[str] = set()
    for number, contender in schedule(contenders, rounds):
        if contender.name in failed:
            continue
        try:
            result = run(contender)
        except Failed as failure:
            failed.add(contender.name)
            result = {"error": str(failure)}
        keep({"contender": contender.name, "round": number, **result})
