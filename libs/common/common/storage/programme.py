"""The programme's settings as this service knows them: the highest revision that was announced."""

from collections.abc import Sequence

from common.events.event import Event
from common.events.programme import ProgrammeSettings, ProgrammeUpdated
from common.storage.transaction import Transaction

_READ = "SELECT settings::text FROM programme WHERE id = 1"
_KEEP = """
    INSERT INTO programme (id, revision, effective_at, settings)
    VALUES (1, :revision, :effective_at, CAST(:settings AS jsonb))
    ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, effective_at = excluded.effective_at,
        settings = excluded.settings
    WHERE programme.revision < excluded.revision
"""


async def programme(tx: Transaction) -> ProgrammeSettings:
    """The settings now; the defaults when none has been announced yet."""
    stored = await tx.fetch_value(_READ)
    return ProgrammeSettings.model_validate_json(stored) if stored else ProgrammeSettings()


async def programmes_updated(tx: Transaction, events: Sequence[Event[ProgrammeUpdated]]) -> None:
    """Keep the newest of the announced settings; older revisions that come late change nothing."""
    newest = max(events, key=lambda event: event.data.revision).data
    await tx.execute(
        _KEEP,
        {
            "revision": newest.revision,
            "effective_at": newest.effective_at,
            "settings": newest.settings.model_dump_json(),
        },
    )
