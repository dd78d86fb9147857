"""PostgreSQL for services: database, transaction with outbox, the framework's tables, migrations."""

from common.storage.database import Database as Database
from common.storage.tables import metadata_for as metadata_for
from common.storage.transaction import Transaction as Transaction
