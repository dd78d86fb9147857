// Publish one purchase from Node with amqplib (npm install amqplib).
//
// RABBITMQ_URL=amqp://demo-shop:…@host:5672/loyalty node publish_with_amqplib.mjs ORDER-1 4711 2026-03-01T09:30:00+08:00 1234 CNY
import amqp from 'amqplib'

const [orderId, customer, occurredAt, minorUnits, currency] = process.argv.slice(2)
const type = 'purchase.submitted.v1'
const purchase = {
  order_id: orderId,
  occurred_at: occurredAt, // when it was bought, with its offset; not when it is sent
  currency,
  amount: Number.parseInt(minorUnits, 10), // minor units: 分, cents
  customer: { external_id: customer }
}

const connection = await amqp.connect(process.env.RABBITMQ_URL)
const channel = await connection.createConfirmChannel()
// A user that may not publish this is told so by a closed channel: without a listener Node would end with a stack trace.
channel.on('error', error => { console.error(error.message); process.exit(1) })
// Binary form: the attributes of the event are headers, the body is the purchase alone.
channel.publish('loyalty.events', type, Buffer.from(JSON.stringify(purchase)), {
  contentType: 'application/json',
  persistent: true,
  mandatory: true,
  headers: {
    'ce-specversion': '1.0',
    'ce-id': `purchase-${orderId}`, // the same purchase always has the same id: sent twice, it counts once
    'ce-source': '//shop.example/till-8', // who says so; with order_id the purchase's identity
    'ce-type': type,
    'ce-time': new Date().toISOString()
  }
})
await channel.waitForConfirms() // rejects when the broker did not take it
console.log(`${orderId}: the broker has it`)
await connection.close()
