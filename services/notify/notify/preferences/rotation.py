"""After a rotation of the master key: seal the members' data keys that are kept here with the new one."""

import asyncio

from sqlalchemy.exc import SQLAlchemyError

from common.runtime import logs
from common.runtime.service import WorkerContext
from common.security.cipher import Cipher
from common.security.masterkeys import SealBrokenError

CHECK_SECONDS = 600


async def run(context: WorkerContext, stop: asyncio.Event) -> None:
    """A worker's loop: look now and then whether a key is sealed with an older master key."""
    cipher, log = Cipher.of(context.settings), logs.logger("rotation")
    while not stop.is_set():
        try:
            while not stop.is_set():
                async with context.database.transaction() as tx:
                    sealed = await cipher.rewrap(tx)
                if not sealed:
                    break
                log.info("data keys sealed with the new master key", keys=sealed)
        except SealBrokenError as error:
            log.error("a data key cannot be sealed anew", reason=str(error))
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.warning("data keys cannot be read", error=type(error).__name__)
        try:
            await asyncio.wait_for(stop.wait(), CHECK_SECONDS)
        except TimeoutError:
            continue
