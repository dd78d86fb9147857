"""Publish one purchase from Python with pika (pip install pika).

RABBITMQ_URL=amqp://demo-shop:…@host:5672/loyalty \\
    python publish_with_pika.py ORDER-1 4711 2026-03-01T09:30:00+08:00 12.34 CNY
"""

import json
import os
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pika

order_id, customer, occurred_at, amount, currency = sys.argv[1:6]
event = {
    "specversion": "1.0",
    "id": f"purchase-{order_id}",  # the same purchase always has the same id: sent twice, it counts once
    "source": "//shop.example/till-7",  # who says so; with order_id the purchase's identity
    "type": "purchase.submitted.v1",
    "time": datetime.now(UTC).isoformat(),
    "datacontenttype": "application/json",
    "data": {
        "order_id": order_id,
        "occurred_at": occurred_at,  # when it was bought, with its offset; not when it is sent
        "currency": currency,
        "amount": int(Decimal(amount) * 100),  # minor units, exactly: 分, cents
        "customer": {"external_id": customer},
    },
}

with pika.BlockingConnection(pika.URLParameters(os.environ["RABBITMQ_URL"])) as connection:
    channel = connection.channel()
    channel.confirm_delivery()  # from here on basic_publish raises unless the broker has taken the message
    channel.basic_publish(
        exchange="loyalty.events",
        routing_key=event["type"],
        body=json.dumps(event).encode(),
        properties=pika.BasicProperties(
            content_type="application/cloudevents+json", delivery_mode=pika.DeliveryMode.Persistent
        ),
        mandatory=True,
    )
print(f"{order_id}: the broker has it")
