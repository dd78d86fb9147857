#!/bin/sh
# Publish one purchase from a shell with amqp-publish (Debian: apt install amqp-tools).
#
# RABBITMQ_URL=amqp://demo-shop:…@host:5672/loyalty sh publish_with_shell.sh ORDER-1 4711 2026-03-01T09:30:00+08:00 1234 CNY
#
# amqp-publish asks for no confirmation: send the same again when in doubt, it counts once.
set -eu
order_id=$1 customer=$2 occurred_at=$3 minor_units=$4 currency=$5

amqp-publish --url "$RABBITMQ_URL" --exchange loyalty.events --routing-key purchase.submitted.v1 \
    --persistent --content-type application/cloudevents+json --body "$(cat <<EVENT
{"specversion": "1.0", "id": "purchase-$order_id", "source": "//shop.example/till-9", "type": "purchase.submitted.v1",
 "datacontenttype": "application/json",
 "data": {"order_id": "$order_id", "occurred_at": "$occurred_at", "currency": "$currency", "amount": $minor_units,
          "customer": {"external_id": "$customer"}}}
EVENT
)"
echo "$order_id: sent"
