"""The contracts between the services, and the envelope they travel in."""

from common.events.contract import Contract as Contract
from common.events.event import Event as Event
from common.events.event import event_of as event_of
from common.events.event import new_id as new_id
