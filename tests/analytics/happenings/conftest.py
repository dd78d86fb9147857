"""The client of tests/analytics/api."""

from tests.analytics.api.conftest import analyst as analyst
from tests.analytics.api.conftest import anonymous as anonymous
from tests.analytics.api.conftest import app as app
