"""What must exist before the first request: settings, a signing key, an admin. Running it again changes nothing."""

from common.runtime import logs
from common.runtime.service import Context
from members import keyring
from members.programme import handlers as programme
from members.signing import handlers as signing
from members.staff import handlers as staff


async def seed(context: Context) -> None:
    settings = context.settings
    async with context.database.transaction() as tx:
        await programme.seed(tx)
        await signing.ensure(tx, keyring.current().cipher.masters)
        password = settings.admin_password.get_secret_value()
        if await staff.seed(tx, email=settings.admin_email, password=password):
            logs.logger("seed").info("the first admin was made")
