"""The database of tests/common/http, for what is stored here."""

from tests.common.http.conftest import database as database
from tests.common.http.conftest import database_url as database_url
