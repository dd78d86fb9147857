"""The first published wording of each notice, in both languages."""

from datetime import UTC, datetime
from uuid import UUID, uuid5

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NAMESPACE = UUID("6f2f7a4e-5d0b-5c38-9a3e-0d6f2b1c7e55")

TEXTS: dict[tuple[str, str], tuple[str, str]] = {
    ("points_earned", "en"): (
        "You earned {{points}} points",
        "Your purchase {{order_id}} of {{date}} ({{amount}}) earned you {{points}} points. "
        "Your balance afterwards: {{balance}} points.",
    ),
    ("points_earned", "zh-CN"): (
        "您获得了 {{points}} 积分",
        "您 {{date}} 的订单 {{order_id}}({{amount}})获得 {{points}} 积分,此后积分余额为 {{balance}}。",
    ),
    ("points_clawed_back", "en"): (
        "{{points}} points were taken back",
        "After your return {{return_id}} of {{date}} for purchase {{order_id}}, {{points}} points were taken back. "
        "Your balance afterwards: {{balance}} points; owed: {{debt}}.",
    ),
    ("points_clawed_back", "zh-CN"): (
        "已扣回 {{points}} 积分",
        "您 {{date}} 对订单 {{order_id}} 办理了退货({{return_id}}),已扣回 {{points}} 积分。"
        "此后积分余额为 {{balance}},欠 {{debt}} 积分。",
    ),
    ("tier_up", "en"): (
        "Welcome to {{tier}}",
        "Since {{date}} you are {{tier}} (before: {{previous_tier}}). Thank you for being with {{programme}}.",
    ),
    ("tier_up", "zh-CN"): (
        "恭喜您升级为{{tier}}",
        "自 {{date}} 起,您的会员等级由{{previous_tier}}升级为{{tier}}。感谢您对{{programme}}的支持。",
    ),
    ("tier_down", "en"): (
        "Your tier is now {{tier}}",
        "Since {{date}} your tier is {{tier}} (before: {{previous_tier}}). "
        "Spend that counts towards your tier now: {{qualifying}}.",
    ),
    ("tier_down", "zh-CN"): (
        "您的会员等级现为{{tier}}",
        "自 {{date}} 起,您的会员等级由{{previous_tier}}调整为{{tier}}。目前计入等级的消费为 {{qualifying}}。",
    ),
}
FRAMES = {
    "en": ("Dear {{name}},", "You can change what we write to you about in your profile.", "{{programme}}"),
    "zh-CN": ("{{name}},您好!", "您可以在个人资料中修改通知偏好。", "{{programme}}"),
}


def _rows() -> list[dict[str, object]]:
    made_at = datetime(2026, 1, 1, tzinfo=UTC)
    rows = []
    for (key, locale), (subject, text) in TEXTS.items():
        greeting, footer, signature = FRAMES[locale]
        paragraphs = (greeting, text, footer, signature)
        mail = "\n\n".join(paragraphs) + "\n"
        page = "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)
        for channel, body, html in (("inbox", text, ""), ("email", mail, page)):
            rows.append(
                {
                    "template_id": uuid5(NAMESPACE, f"{key}/{channel}/{locale}/1"),
                    "key": key,
                    "channel": channel,
                    "locale": locale,
                    "version": 1,
                    "state": "published",
                    "revision": 1,
                    "subject": subject,
                    "text": body,
                    "html": html,
                    "created_at": made_at,
                    "created_by": "migration",
                    "published_at": made_at,
                    "published_by": "migration",
                }
            )
    return rows


def upgrade() -> None:
    templates = sa.table(
        "templates",
        sa.column("template_id", sa.Uuid),
        sa.column("version", sa.Integer),
        sa.column("revision", sa.Integer),
        *(
            sa.column(name, sa.Text)
            for name in ("key", "channel", "locale", "state", "subject", "text", "html", "created_by", "published_by")
        ),
        sa.column("created_at", sa.DateTime(timezone=True)),
        sa.column("published_at", sa.DateTime(timezone=True)),
    )
    op.bulk_insert(templates, _rows())


def downgrade() -> None:
    raise NotImplementedError("a database goes forward only; restore a backup")
