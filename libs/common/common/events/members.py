"""What members tells of a member. Personal data travels sealed with the member's own data key, or not at all.

`revision` grows with each change of the member: readers keep the highest and ignore the rest, so order does not matter.
"""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from common.events.contract import Contract, Instant, Key, Part, Text


class Sealed(Part):
    """Personal data under the member's data key (`common.security.cipher`). Both are base64url without padding."""

    key: str = Field(description="The member's data key, wrapped by the master key.")
    box: str = Field(description="A JSON object of strings (name, phone, email …), encrypted.")


class Preferences(Part):
    """What the member wants to hear and where. `time_zone` is an IANA name, "" for the programme's."""

    email: bool = True
    inbox: bool = True
    sms: bool = True
    wechat: bool = True
    marketing: bool = False
    locale: Text = "en"
    time_zone: Text = ""


class MemberState(Contract):
    """A member as others may know it, whole: the latest revision replaces what was known."""

    member_id: UUID
    revision: int = Field(ge=1)
    status: Key = "active"
    registered_at: Instant
    channel: Text = ""
    region: Text = ""
    gender: Text = ""
    tier: Key = "base"
    preferences: Preferences = Preferences()
    personal: Sealed | None = None
    birthday: Sealed | None = Field(
        default=None, description="Sealed apart from the rest: `birthday` (YYYY-MM-DD) and `calendar` (solar or lunar)."
    )

    def subject(self) -> str:
        return str(self.member_id)


class MemberRegistered(MemberState):
    """Somebody became a member."""

    TYPE: ClassVar[str] = "member.registered.v1"


class MemberUpdated(MemberState):
    """A member's data, preferences or status changed. `changed` names the fields, not their values."""

    TYPE: ClassVar[str] = "member.updated.v1"

    changed: tuple[str, ...] = ()


class TierSince(Part):
    """From this instant on the member held this tier."""

    tier: Key
    since: Instant
    reason: Text = ""


class MemberTierChanged(Contract):
    """A member's tier, or what is known of its past, changed.

    `history` is whole and ordered; `revision` counts the member's histories. `tier` equal to `previous_tier` means that
    only the past was corrected (a late purchase), and nobody is to be congratulated.
    """

    TYPE: ClassVar[str] = "member.tier_changed.v1"

    member_id: UUID
    revision: int = Field(ge=1)
    tier: Key
    tier_name: Text = ""
    previous_tier: Key
    direction: Key = Field(description="up, down or none")
    effective_at: Instant
    qualifying_amount: int = Field(default=0, description="Minor units that count towards the tier now.")
    history: tuple[TierSince, ...] = ()

    def subject(self) -> str:
        return str(self.member_id)


class MemberMerge(Contract):
    """Two members are one person. `merge_id` names the act that can be undone."""

    merge_id: UUID
    member_id: UUID = Field(description="Who stays.")
    absorbed_member_id: UUID
    occurred_at: Instant

    def subject(self) -> str:
        return str(self.member_id)


class MemberMerged(MemberMerge):
    """The absorbed member's points, purchases and coupons are the other's from now on."""

    TYPE: ClassVar[str] = "member.merged.v1"


class MemberUnmerged(MemberMerge):
    """A merge was undone: what came with it, as far as it is still there, goes back."""

    TYPE: ClassVar[str] = "member.unmerged.v1"
