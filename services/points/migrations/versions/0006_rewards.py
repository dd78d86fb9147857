"""The catalogue of rewards with its stock, and what members ordered."""

from alembic import op

from common.storage import framework

revision = "0006"
down_revision = "0005"

CATALOGUE = (
    """
    CREATE TABLE rewards (
        reward text CONSTRAINT pk_rewards PRIMARY KEY,
        revision bigint NOT NULL,
        kind text NOT NULL,
        state text NOT NULL CONSTRAINT ck_rewards_state CHECK (state IN ('hidden', 'published', 'archived')),
        limited_edition boolean NOT NULL,
        name_zh text NOT NULL,
        name_en text NOT NULL,
        description_zh text NOT NULL,
        description_en text NOT NULL,
        image_url text NOT NULL,
        sort integer NOT NULL,
        prices jsonb NOT NULL,
        limits jsonb NOT NULL,
        tiers text[] NOT NULL,
        segments text[] NOT NULL,
        valid_from timestamp,
        valid_until timestamp,
        coupon_template text NOT NULL,
        pay_within_minutes integer NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        updated_by text NOT NULL,
        CONSTRAINT ck_rewards_kind CHECK (kind IN ('goods', 'service', 'coupon', 'ticket', 'donation'))
    )
    """,
    "CREATE INDEX ix_rewards_sort_reward ON rewards (sort, reward)",
    """
    CREATE TABLE reward_stocks (
        reward text CONSTRAINT pk_reward_stocks PRIMARY KEY,
        stock bigint CONSTRAINT ck_reward_stocks_stock CHECK (stock >= 0),
        number bigint NOT NULL,
        CONSTRAINT fk_reward_stocks_reward FOREIGN KEY (reward) REFERENCES rewards (reward)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE reward_stock_changes (
        reward text,
        number bigint,
        change bigint NOT NULL,
        stock bigint,
        reason text NOT NULL,
        reference text NOT NULL,
        note text NOT NULL,
        actor text NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_reward_stock_changes PRIMARY KEY (reward, number),
        CONSTRAINT fk_reward_stock_changes_reward FOREIGN KEY (reward) REFERENCES reward_stocks (reward)
    )
    """,
)

ORDERS = (
    """
    CREATE TABLE reward_orders (
        order_id uuid CONSTRAINT pk_reward_orders PRIMARY KEY,
        revision bigint NOT NULL,
        member_id uuid NOT NULL,
        reward text NOT NULL,
        kind text NOT NULL,
        name_zh text NOT NULL,
        name_en text NOT NULL,
        price_option text NOT NULL,
        quantity bigint NOT NULL CONSTRAINT ck_reward_orders_quantity CHECK (quantity > 0),
        points bigint NOT NULL CONSTRAINT ck_reward_orders_points CHECK (points >= 0),
        money bigint NOT NULL CONSTRAINT ck_reward_orders_money CHECK (money >= 0),
        currency text NOT NULL,
        sequence bigint NOT NULL,
        state text NOT NULL,
        address text,
        carrier text NOT NULL,
        tracking text NOT NULL,
        pay_until timestamptz,
        paid_at timestamptz,
        payment_reference text NOT NULL,
        coupon_template text NOT NULL,
        coupon_ids uuid[] NOT NULL,
        given_back bigint NOT NULL,
        renewed bigint NOT NULL,
        grace_until timestamptz,
        ordered_by text NOT NULL,
        request_id text NOT NULL,
        ordered_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        CONSTRAINT ck_reward_orders_state CHECK (state IN (
            'awaiting_payment', 'accepted', 'picking', 'shipped', 'delivered', 'fulfilled', 'cancelled', 'returned')),
        CONSTRAINT ck_reward_orders_given_back CHECK (given_back BETWEEN 0 AND points),
        CONSTRAINT fk_reward_orders_reward FOREIGN KEY (reward) REFERENCES rewards (reward)
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX ix_reward_orders_member_id_reward_ordered_at ON reward_orders (member_id, reward, ordered_at)",
    "CREATE INDEX ix_reward_orders_ordered_at_order_id ON reward_orders (ordered_at, order_id)",
    "CREATE INDEX ix_reward_orders_reward_ordered_at ON reward_orders (reward, ordered_at)",
    "CREATE INDEX ix_reward_orders_state_ordered_at ON reward_orders (state, ordered_at)",
    "CREATE INDEX ix_reward_orders_unpaid ON reward_orders (pay_until) WHERE state = 'awaiting_payment'",
    """
    CREATE UNIQUE INDEX uq_reward_orders_request ON reward_orders (ordered_by, request_id) WHERE request_id <> ''
    """,
    """
    CREATE TABLE reward_order_changes (
        order_id uuid,
        number bigint,
        previous_state text NOT NULL,
        state text NOT NULL,
        actor text NOT NULL,
        actor_kind text NOT NULL,
        reason text NOT NULL,
        facts jsonb NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_reward_order_changes PRIMARY KEY (order_id, number),
        CONSTRAINT fk_reward_order_changes_order_id FOREIGN KEY (order_id) REFERENCES reward_orders (order_id)
    )
    """,
    "CREATE INDEX ix_reward_order_changes_at ON reward_order_changes (at)",
    """
    CREATE TABLE reward_tickets (
        ticket_id uuid CONSTRAINT pk_reward_tickets PRIMARY KEY,
        order_id uuid NOT NULL,
        number integer NOT NULL,
        code_hash bytea NOT NULL,
        code text NOT NULL,
        state text NOT NULL CONSTRAINT ck_reward_tickets_state CHECK (state IN ('valid', 'used', 'revoked')),
        used_at timestamptz,
        used_by text NOT NULL,
        CONSTRAINT uq_reward_tickets_code_hash UNIQUE (code_hash),
        CONSTRAINT uq_reward_tickets_order_id_number UNIQUE (order_id, number),
        CONSTRAINT fk_reward_tickets_order_id FOREIGN KEY (order_id) REFERENCES reward_orders (order_id)
    )
    """,
)

COMMENTS = {
    "rewards.valid_from": "local time of the programme",
    "rewards.valid_until": "local time of the programme, exclusive",
    "reward_stocks.stock": "what can still be ordered; null is unlimited",
    "reward_stocks.number": "of the newest change",
    "reward_stock_changes.stock": "afterwards",
    "reward_stock_changes.reference": "an order's id, or empty",
    "reward_orders.points": "of the whole order",
    "reward_orders.money": "of the whole order, minor units",
    "reward_orders.sequence": "of the debit in the wallet of points; 0 for none",
    "reward_orders.address": "sealed with the member's data key",
    "reward_orders.coupon_template": "what its coupons are issued by, or empty",
    "reward_orders.request_id": "the caller's own id of the order, or empty",
    "reward_tickets.code": "sealed with the member's data key",
}

APPEND_ONLY = ("reward_stock_changes", "reward_order_changes")


def upgrade() -> None:
    for statement in (*CATALOGUE, *ORDERS):
        op.execute(statement)
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
    for table in APPEND_ONLY:
        framework.append_only(op, table)
