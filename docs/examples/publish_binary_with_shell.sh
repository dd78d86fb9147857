#!/bin/sh
# The same in CloudEvents' binary form: the attributes are headers, the body is the purchase alone. A return, this time.
#
# RABBITMQ_URL=amqp://demo-shop:…@host:5672/loyalty sh publish_binary_with_shell.sh RETURN-1 ORDER-1 2026-03-08T15:00:00+08:00 1234 CNY
set -eu
return_id=$1 order_id=$2 occurred_at=$3 minor_units=$4 currency=$5

amqp-publish --url "$RABBITMQ_URL" --exchange loyalty.events --routing-key purchase.refunded.v1 \
    --persistent --content-type application/json \
    --header "ce-specversion: 1.0" --header "ce-id: return-$return_id" --header "ce-source: //shop.example/till-9" \
    --header "ce-type: purchase.refunded.v1" \
    --body "{\"return_id\": \"$return_id\", \"order_id\": \"$order_id\", \"occurred_at\": \"$occurred_at\",
             \"currency\": \"$currency\", \"amount\": $minor_units}"
echo "$return_id: sent"
