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
    ("points_awarded", "en"): (
        "You received {{points}} points",
        "On {{date}} you received {{points}} points. Your balance now: {{balance}} points.",
    ),
    ("points_awarded", "zh-CN"): (
        "您获得了 {{points}} 积分",
        "您于 {{date}} 获得 {{points}} 积分,目前积分余额为 {{balance}}。",
    ),
    ("points_pending", "en"): (
        "{{points}} points are on their way",
        "On {{date}} you earned {{points}} points that still wait. We tell you when you can spend them.",
    ),
    ("points_pending", "zh-CN"): (
        "{{points}} 积分待生效",
        "您于 {{date}} 获得 {{points}} 待生效积分,可使用时我们会通知您。",
    ),
    ("points_released", "en"): (
        "{{points}} points can be spent now",
        "{{points}} points that were waiting are yours to spend. Your balance now: {{balance}} points.",
    ),
    ("points_released", "zh-CN"): (
        "{{points}} 积分已可使用",
        "您的 {{points}} 待生效积分现已可用,目前积分余额为 {{balance}}。",
    ),
    ("points_redeemed", "en"): (
        "You spent {{points}} points",
        "On {{date}} {{points}} points were spent. Your balance now: {{balance}} points. If this was not "
        "you, please tell us.",
    ),
    ("points_redeemed", "zh-CN"): (
        "您使用了 {{points}} 积分",
        "您于 {{date}} 使用了 {{points}} 积分,目前积分余额为 {{balance}}。如非本人操作,请与我们联系。",
    ),
    ("points_given_back", "en"): (
        "{{points}} points are back",
        "{{points}} points that you had spent were given back on {{date}}. Your balance now: {{balance}} points.",
    ),
    ("points_given_back", "zh-CN"): (
        "已退回 {{points}} 积分",
        "您使用的 {{points}} 积分已于 {{date}} 退回,目前积分余额为 {{balance}}。",
    ),
    ("points_expiring", "en"): (
        "{{points}} points expire on {{ends}}",
        "{{points}} of your {{balance}} points can be spent until {{ends}} and expire then.",
    ),
    ("points_expiring", "zh-CN"): (
        "您有 {{points}} 积分将于 {{ends}} 到期",
        "您的 {{balance}} 积分中有 {{points}} 积分将于 {{ends}} 到期,请及时使用。",
    ),
    ("points_expired", "en"): (
        "{{points}} points have expired",
        "{{points}} points expired on {{date}}. Your balance now: {{balance}} points.",
    ),
    ("points_expired", "zh-CN"): (
        "{{points}} 积分已过期",
        "您的 {{points}} 积分已于 {{date}} 过期,目前积分余额为 {{balance}}。",
    ),
    ("points_added", "en"): (
        "{{points}} points were added",
        "We corrected your account on {{date}}: {{points}} points more. Your balance now: {{balance}} points.",
    ),
    ("points_added", "zh-CN"): (
        "已为您补记 {{points}} 积分",
        "我们于 {{date}} 更正了您的账户,补记 {{points}} 积分,目前积分余额为 {{balance}}。",
    ),
    ("points_removed", "en"): (
        "{{points}} points were removed",
        "We corrected your account on {{date}}: {{points}} points less. Your balance now: {{balance}} "
        "points; owed: {{debt}}.",
    ),
    ("points_removed", "zh-CN"): (
        "已扣减 {{points}} 积分",
        "我们于 {{date}} 更正了您的账户,扣减 {{points}} 积分,目前积分余额为 {{balance}},欠 {{debt}} 积分。",
    ),
    ("points_received", "en"): (
        "You were given {{points}} points",
        "Another member gave you {{points}} points on {{date}}. Your balance now: {{balance}} points.",
    ),
    ("points_received", "zh-CN"): (
        "您收到了 {{points}} 积分",
        "您于 {{date}} 收到其他会员赠送的 {{points}} 积分,目前积分余额为 {{balance}}。",
    ),
    ("points_sent", "en"): (
        "You gave {{points}} points away",
        "On {{date}} you gave {{points}} points to another member. Your balance now: {{balance}} points. If "
        "this was not you, please tell us.",
    ),
    ("points_sent", "zh-CN"): (
        "您赠出了 {{points}} 积分",
        "您于 {{date}} 向其他会员赠送了 {{points}} 积分,目前积分余额为 {{balance}}。如非本人操作,请与我们联系。",
    ),
    ("reward_ordered", "en"): (
        "Your order: {{reward}}",
        "On {{date}} you ordered {{quantity}} × {{reward}} for {{points}} points.",
    ),
    ("reward_ordered", "zh-CN"): (
        "兑换成功:{{reward}}",
        "您于 {{date}} 用 {{points}} 积分兑换了 {{reward}} × {{quantity}}。",
    ),
    ("reward_shipped", "en"): (
        "On its way: {{reward}}",
        "{{reward}} × {{quantity}} was sent on {{date}}. {{carrier}} {{tracking}}",
    ),
    ("reward_shipped", "zh-CN"): (
        "您兑换的{{reward}}已发货",
        "{{reward}} × {{quantity}} 已于 {{date}} 发出。{{carrier}} {{tracking}}",
    ),
    ("reward_delivered", "en"): (
        "Yours: {{reward}}",
        "{{reward}} × {{quantity}} was handed over on {{date}}. Enjoy it.",
    ),
    ("reward_delivered", "zh-CN"): (
        "您兑换的{{reward}}已送达",
        "{{reward}} × {{quantity}} 已于 {{date}} 送达,祝您使用愉快。",
    ),
    ("reward_cancelled", "en"): (
        "Cancelled: {{reward}}",
        "Your order of {{quantity}} × {{reward}} was cancelled on {{date}}. {{points}} points go back to you.",
    ),
    ("reward_cancelled", "zh-CN"): (
        "兑换已取消:{{reward}}",
        "您兑换的 {{reward}} × {{quantity}} 已于 {{date}} 取消,{{points}} 积分将退回给您。",
    ),
    ("coupon_issued", "en"): (
        "A coupon for you: {{coupon}}",
        "On {{date}} you received the coupon {{coupon}}.",
    ),
    ("coupon_issued", "zh-CN"): (
        "您收到一张优惠券:{{coupon}}",
        "您于 {{date}} 收到优惠券{{coupon}}。",
    ),
    ("coupon_returned", "en"): (
        "Your coupon is back: {{coupon}}",
        "The coupon {{coupon}} can be used again.",
    ),
    ("coupon_returned", "zh-CN"): ("优惠券已退回:{{coupon}}", "优惠券{{coupon}}可以再次使用。"),
    ("coupon_expiring", "en"): (
        "Your coupon ends on {{ends}}: {{coupon}}",
        "The coupon {{coupon}} can be used until {{ends}}.",
    ),
    ("coupon_expiring", "zh-CN"): ("您的优惠券即将到期:{{coupon}}", "优惠券{{coupon}}将于 {{ends}} 到期,请及时使用。"),
    ("streak_reached", "en"): (
        "{{days}} days in a row",
        "{{title}}: you came {{days}} days in a row. Points for it: {{points}}.",
    ),
    ("streak_reached", "zh-CN"): ("连续 {{days}} 天", "{{title}}:您已连续 {{days}} 天,奖励 {{points}} 积分。"),
    ("task_completed", "en"): ("Done: {{title}}", "You completed {{title}} on {{date}}. Points for it: {{points}}."),
    ("task_completed", "zh-CN"): ("任务完成:{{title}}", "您于 {{date}} 完成了任务{{title}},奖励 {{points}} 积分。"),
    ("badge_awarded", "en"): (
        "A badge for you: {{title}}",
        "On {{date}} you earned the badge {{title}}, level {{level}}.",
    ),
    ("badge_awarded", "zh-CN"): ("您获得了徽章:{{title}}", "您于 {{date}} 获得徽章{{title}}({{level}} 级)。"),
    ("badge_revoked", "en"): (
        "Your badge {{title}}",
        "What earned you the badge {{title}} was returned, so it was taken back on {{date}}.",
    ),
    ("badge_revoked", "zh-CN"): ("徽章变动:{{title}}", "由于相关订单已退货,徽章{{title}}已于 {{date}} 收回。"),
    ("draw_won", "en"): ("You won: {{prize}}", "In {{title}} you won {{prize}} on {{date}}. Congratulations."),
    ("draw_won", "zh-CN"): ("恭喜中奖:{{prize}}", "您于 {{date}} 在{{title}}中获得{{prize}},恭喜!"),
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
