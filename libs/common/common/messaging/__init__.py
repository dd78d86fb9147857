"""Events over RabbitMQ: what a service hears (`on`), and how a handler says what did not go well."""

from common.messaging.outcomes import Outcome as Outcome
from common.messaging.outcomes import dead as dead
from common.messaging.outcomes import duplicate as duplicate
from common.messaging.outcomes import retry as retry
from common.messaging.subscriptions import Subscription as Subscription
from common.messaging.subscriptions import on as on
