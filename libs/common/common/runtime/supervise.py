"""Runs the parts of a process together: all of them, or none."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from common.runtime import logs

FIRST_RETRY_SECONDS = 0.25

Run = Callable[[asyncio.Event], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One long-running part. Parts are asked to stop in the order of `stage`: 1 after all of stage 0 have ended."""

    name: str
    run: Run
    stage: int = 0


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set. A second Ctrl-C ends the process at once; SIGTERM may be repeated."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def asked(number: signal.Signals) -> None:
        if not stop.is_set():
            logs.logger("service").info("stopping", signal=number.name)
            stop.set()
        if number == signal.SIGINT:
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    return stop


async def supervise(parts: Sequence[Part], stop: asyncio.Event, *, limit_seconds: float) -> int:
    """Run all parts until `stop`, then stop them stage by stage within `limit_seconds`. The process's exit code.

    A part that ends by itself takes the others with it: exit code 1, and whoever started the process starts it again. A
    part that does not stop in time is cancelled and named: exit code 1 as well.
    """
    log = logs.logger("service")
    stages = sorted({part.stage for part in parts})
    asked = {stage: asyncio.Event() for stage in stages}
    tasks = {asyncio.create_task(_as_coroutine(part.run(asked[part.stage])), name=part.name): part for part in parts}
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    code = 0
    for task in [task for task in tasks if task.done()]:
        code = 1
        error = None if task.cancelled() else task.exception()
        log.error("part ended by itself", part=task.get_name(), exc_info=error)
    deadline = asyncio.get_running_loop().time() + limit_seconds
    for stage in stages:
        asked[stage].set()
        running = {task for task, part in tasks.items() if part.stage == stage and not task.done()}
        if running:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            ended, late = await asyncio.wait(running, timeout=left)
            for task in ended:
                if not task.cancelled() and (error := task.exception()) is not None:
                    code = 1
                    log.error("part failed while stopping", part=task.get_name(), exc_info=error)
            for task in late:
                code = 1
                log.error("part did not stop in time", part=task.get_name(), limit_seconds=limit_seconds)
                task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return code


async def _as_coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable


async def answering(
    what: str,
    ask: Callable[[], Awaitable[object]],
    stop: asyncio.Event,
    *,
    longest_wait_seconds: float,
    give_up_seconds: float | None = None,
) -> bool:
    """Ask until there is an answer, with growing jittered waits. False when `stop` came first.

    With `give_up_seconds` the last error is raised once that much time has passed.
    """
    log, wait = logs.logger("service"), FIRST_RETRY_SECONDS
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not stop.is_set():
        try:
            await ask()
        except Exception as error:  # drivers wrap what the network did in classes of their own
            failed = error
        else:
            return True
        waited = loop.time() - began
        if give_up_seconds is not None and waited >= give_up_seconds:
            raise failed
        log.warning(
            f"{what} does not answer yet",
            error=f"{type(failed).__name__}: {failed}"[:300],
            waited_seconds=round(waited, 1),
        )
        try:
            await asyncio.wait_for(stop.wait(), wait * random.uniform(0.75, 1.25))
        except TimeoutError:
            wait = min(wait * 2, longest_wait_seconds)
    return False
