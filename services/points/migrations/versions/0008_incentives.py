"""Streaks, tasks, badges, draws: what staff defined, and what members did and were given."""

from alembic import op

from common.storage import framework

revision = "0008"
down_revision = "0007"

DEFINITIONS = (
    """
    CREATE TABLE incentives (
        kind text,
        key text,
        revision bigint NOT NULL,
        state text NOT NULL CONSTRAINT ck_incentives_state CHECK (state IN ('draft', 'active', 'ended')),
        definition jsonb NOT NULL,
        active_from timestamptz,
        ended_at timestamptz,
        created_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        changed_by text NOT NULL,
        CONSTRAINT pk_incentives PRIMARY KEY (kind, key),
        CONSTRAINT ck_incentives_times CHECK ((state = 'draft') = (active_from IS NULL) AND
            (state = 'ended') = (ended_at IS NOT NULL))
    )
    """,
)

COUNTERS = (
    """
    CREATE TABLE counter_entries (
        member_id uuid,
        measure text,
        kind text,
        source text,
        key text,
        item text,
        occurred_at timestamptz NOT NULL,
        value bigint NOT NULL,
        gone bigint NOT NULL,
        order_source text NOT NULL,
        order_id text NOT NULL,
        CONSTRAINT pk_counter_entries PRIMARY KEY (member_id, measure, kind, source, key, item)
    )
    """,
    """
    CREATE INDEX ix_counter_entries_member_id_measure_occurred_at ON counter_entries (member_id, measure, occurred_at)
    """,
    "CREATE INDEX ix_counter_entries_order_source_order_id ON counter_entries (order_source, order_id)",
)

STREAKS = (
    """
    CREATE TABLE streak_days (
        member_id uuid,
        plan text,
        day date,
        run integer NOT NULL CONSTRAINT ck_streak_days_run CHECK (run > 0),
        points bigint NOT NULL CONSTRAINT ck_streak_days_points CHECK (points >= 0),
        occurred_at timestamptz NOT NULL,
        made_up_on date,
        cost bigint NOT NULL,
        cost_sequence bigint NOT NULL,
        CONSTRAINT pk_streak_days PRIMARY KEY (member_id, plan, day)
    )
    """,
)

TASKS = (
    """
    CREATE TABLE task_completions (
        member_id uuid,
        task text,
        window_start date,
        state text NOT NULL CONSTRAINT ck_task_completions_state
            CHECK (state IN ('completed', 'rewarded', 'taken_back')),
        reached_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        rewarded_at timestamptz,
        taken_back_at timestamptz,
        rewards integer NOT NULL,
        points bigint NOT NULL CONSTRAINT ck_task_completions_points CHECK (points >= 0),
        coupon_id uuid,
        CONSTRAINT pk_task_completions PRIMARY KEY (member_id, task, window_start)
    )
    """,
)

BADGES = (
    """
    CREATE TABLE member_badges (
        member_id uuid,
        badge text,
        level integer,
        held boolean NOT NULL,
        points bigint NOT NULL CONSTRAINT ck_member_badges_points CHECK (points >= 0),
        origin text NOT NULL,
        occurred_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        changes integer NOT NULL,
        CONSTRAINT pk_member_badges PRIMARY KEY (member_id, badge, level)
    )
    """,
    """
    CREATE TABLE badge_changes (
        member_id uuid,
        badge text,
        level integer,
        number integer,
        change text NOT NULL CONSTRAINT ck_badge_changes_change CHECK (change IN ('awarded', 'revoked')),
        reason text NOT NULL,
        points bigint NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        CONSTRAINT pk_badge_changes PRIMARY KEY (member_id, badge, level, number)
    )
    """,
)

DRAWS = (
    """
    CREATE TABLE draw_epochs (
        draw text,
        epoch integer,
        commitment text NOT NULL,
        sealed_seed bytea NOT NULL,
        seed text,
        prizes jsonb NOT NULL,
        plays bigint NOT NULL,
        opened_at timestamptz NOT NULL,
        closed_at timestamptz,
        CONSTRAINT pk_draw_epochs PRIMARY KEY (draw, epoch),
        CONSTRAINT ck_draw_epochs_revealed CHECK ((seed IS NULL) = (closed_at IS NULL))
    )
    """,
    "CREATE UNIQUE INDEX ix_draw_epochs_open ON draw_epochs (draw) WHERE closed_at IS NULL",
    """
    CREATE TABLE draw_stocks (
        draw text,
        epoch integer,
        prize text,
        stock bigint,
        given bigint NOT NULL,
        CONSTRAINT pk_draw_stocks PRIMARY KEY (draw, epoch, prize),
        CONSTRAINT ck_draw_stocks_given CHECK (given >= 0 AND (stock IS NULL OR given <= stock))
    )
    """,
    """
    CREATE TABLE draw_plays (
        draw text,
        epoch integer,
        number bigint,
        play_id uuid NOT NULL,
        member_id uuid NOT NULL,
        commitment text NOT NULL,
        pseudonym text NOT NULL,
        client_seed text NOT NULL,
        ticket bigint NOT NULL,
        drawn text NOT NULL,
        prize text NOT NULL,
        prize_kind text NOT NULL,
        points bigint NOT NULL,
        sequence bigint NOT NULL,
        coupon_id uuid,
        reward text NOT NULL,
        free boolean NOT NULL,
        cost bigint NOT NULL,
        cost_sequence bigint NOT NULL,
        day date NOT NULL,
        played_at timestamptz NOT NULL,
        handed_over_at timestamptz,
        undone_at timestamptz,
        CONSTRAINT pk_draw_plays PRIMARY KEY (draw, epoch, number),
        CONSTRAINT uq_draw_plays_play_id UNIQUE (play_id)
    )
    """,
    "CREATE INDEX ix_draw_plays_member_id_draw ON draw_plays (member_id, draw)",
    """
    CREATE INDEX ix_draw_plays_owed ON draw_plays (played_at, play_id)
        WHERE handed_over_at IS NULL AND undone_at IS NULL
            AND (prize_kind = 'goods' OR (prize_kind = 'coupon' AND coupon_id IS NULL))
    """,
)

COMMENTS = {
    "incentives.active_from": "what occurred from then on counts",
    "incentives.ended_at": "what occurred from then on does not count",
    "counter_entries.measure": "digest of what is counted; tasks and badges share it",
    "counter_entries.item": "what is told apart: a sku, or empty",
    "counter_entries.gone": "what of the value came back",
    "streak_days.run": "the how manieth day in a row",
    "streak_days.points": "paid for this day up to now",
    "streak_days.made_up_on": "the local day it was made up; null: signed in",
    "task_completions.rewards": "how often it was rewarded",
    "task_completions.points": "paid up to now, 0 when taken back",
    "member_badges.points": "paid up to now, 0 when taken back",
    "member_badges.origin": "empty: by its own measure; else what granted it",
    "draw_epochs.commitment": "SHA-256 of the server seed and the table, hexadecimal",
    "draw_epochs.sealed_seed": "under the master key",
    "draw_epochs.seed": "hexadecimal, revealed when closed",
    "draw_epochs.plays": "number of the newest play",
    "draw_stocks.stock": "at the opening; null: without end",
    "draw_plays.commitment": "of its epoch, as the member was told",
    "draw_plays.drawn": "by its ticket",
    "draw_plays.prize": "what was given: the fallback when the drawn one had run out",
}

APPEND_ONLY = ("badge_changes",)


def upgrade() -> None:
    for statement in (*DEFINITIONS, *COUNTERS, *STREAKS, *TASKS, *BADGES, *DRAWS):
        op.execute(statement)
    for column, comment in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN {column} IS '{comment}'")
    for table in APPEND_ONLY:
        framework.append_only(op, table)
