"""The routes of this service."""

from notify.dispatch.api import router as notices
from notify.inbox.api import router as inbox
from notify.templates.api import router as templates

ROUTERS = [notices, inbox, templates]
