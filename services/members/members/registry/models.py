"""What is sent and answered at the door of the registry."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID
from zoneinfo import available_timezones

import orjson
from pydantic import AfterValidator, Field, StrictBool

from common.events.members import Preferences
from common.http import RequestBody, ResponseBody
from common.http.fields import Instant, Key, Revision, ShortText, storable
from members.identities.domain import MAX_CHARACTERS
from members.registry.domain import PERSONAL_FIELDS, Member, masked
from members.registry.handlers import Registration

MAX_BATCH = 500

Name = Annotated[ShortText, Field(max_length=100)]
Phone = Annotated[
    str,
    Field(
        max_length=MAX_CHARACTERS["phone"],
        description="As people write it; national numbers are read in the default region.",
    ),
    AfterValidator(storable),
]
Email = Annotated[str, Field(max_length=MAX_CHARACTERS["email"]), AfterValidator(storable)]
Openid = Annotated[str, Field(max_length=MAX_CHARACTERS["openid"]), AfterValidator(storable)]
Address = Annotated[ShortText, Field(max_length=500)]
Birthday = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="YYYY-MM-DD, as `birthday_calendar` counts."),
]
BirthdayCalendar = Annotated[
    Literal["", "solar", "lunar", "lunar_leap"],
    Field(description='"" is solar; `lunar_leap` is a leap month of the lunar calendar.'),
]
Gender = Literal["", "female", "male", "other"]
Zone = Annotated[str, Field(max_length=64, description='An IANA name, "" for the programme\'s.')]


class ExternalId(RequestBody):
    """The number by which another system knows the member; `system` is the source of that system's events."""

    system: Key
    id: Annotated[Key, Field(max_length=MAX_CHARACTERS["external_id"])]


class PreferencesBody(RequestBody):
    """What the member wants to hear, and where."""

    email: StrictBool = True
    inbox: StrictBool = True
    sms: StrictBool = True
    wechat: StrictBool = True
    marketing: StrictBool = False
    locale: Annotated[ShortText, Field(max_length=35)] = "en"
    time_zone: Annotated[Zone, AfterValidator(lambda name: _zone(name))] = ""

    def contract(self) -> Preferences:
        return Preferences.model_validate(self.model_dump())


class RegistrationBody(RequestBody):
    """Somebody becomes a member. Nothing is obligatory; what is not known is left out."""

    name: Name = ""
    phone: Phone = ""
    email: Email = ""
    openid: Openid = ""
    external_ids: Annotated[tuple[ExternalId, ...], Field(max_length=20)] = ()
    birthday: Birthday | None = None
    birthday_calendar: BirthdayCalendar = ""
    address: Address = ""
    gender: Gender = ""
    region: ShortText = ""
    channel: ShortText = ""
    registered_at: Annotated[
        Instant | None, Field(description="When somebody became a member of an older programme; now if not given.")
    ] = None
    preferences: PreferencesBody = PreferencesBody()

    def registration(self) -> Registration:
        return Registration(
            name=self.name.strip(),
            phone=self.phone.strip(),
            email=self.email.strip(),
            openid=self.openid,
            external_ids=tuple((one.system, one.id) for one in self.external_ids),
            birthday=self.birthday or "",
            birthday_calendar=self.birthday_calendar,
            address=self.address.strip(),
            gender=self.gender,
            region=self.region,
            channel=self.channel,
            registered_at=self.registered_at,
            preferences=self.preferences.contract(),
        )


class MemberPatch(RequestBody):
    """Only what is to be another; null or "" removes. `revision` is the one this change is based on (or `If-Match`)."""

    revision: Revision | None = None
    name: Name | None = None
    phone: Phone | None = None
    email: Email | None = None
    openid: Openid | None = None
    external_ids: Annotated[tuple[ExternalId, ...] | None, Field(max_length=20)] = None
    birthday: Birthday | None = None
    birthday_calendar: BirthdayCalendar | None = None
    address: Address | None = None
    gender: Gender | None = None
    region: ShortText | None = None
    channel: ShortText | None = None
    status: Literal["active", "suspended"] | None = None

    def fields(self) -> dict[str, str]:
        """Name → new text of what was given."""
        given = self.model_dump(mode="json", exclude_unset=True, exclude={"revision", "external_ids"})
        fields = {name: value or "" for name, value in given.items() if name != "status" or value}
        if "external_ids" in self.model_fields_set:
            pairs = [(one.system, one.id) for one in self.external_ids or ()]
            fields["external_ids"] = orjson.dumps(pairs).decode() if pairs else ""
        return fields


class ExternalIdResponse(ResponseBody):
    system: str
    id: str


class MemberResponse(ResponseBody):
    """A member. While `masked`, what tells of the person is recognisable but not readable."""

    member_id: UUID
    revision: int
    status: str
    registered_at: datetime
    tier: str
    channel: str
    region: str
    gender: str
    name: str
    phone: str
    email: str
    birthday: str
    birthday_calendar: str
    address: str
    card_number: str
    openid: str
    external_ids: list[ExternalIdResponse]
    preferences: Preferences
    masked: bool

    @classmethod
    def of(cls, member: Member, *, reveal: bool = False, reveal_card: bool = False) -> Self:
        shown = {name: member.personal.get(name, "") for name in PERSONAL_FIELDS if name != "external_ids"}
        external = orjson.loads(member.personal.get("external_ids") or "[]")
        if not reveal:
            shown = {
                name: value if name == "card_number" and reveal_card else masked(name, value)
                for name, value in shown.items()
            }
            external = [(system, masked("external_ids", id)) for system, id in external]
        return cls(
            member_id=member.member_id,
            revision=member.revision,
            status=member.status,
            registered_at=member.registered_at,
            tier=member.tier,
            channel=member.channel,
            region=member.region,
            gender=member.gender,
            external_ids=[ExternalIdResponse(system=system, id=id) for system, id in external],
            preferences=Preferences.model_validate_json(member.preferences),
            masked=not reveal,
            **shown,
        )


class BatchItem(ResponseBody):
    """What became of one of the batch, in its order. `member_id` of an `identity_taken` is the member who has it."""

    index: int
    outcome: Literal["registered", "identity_taken", "invalid"]
    member_id: UUID | None = None
    card_number: str | None = None
    reason: str | None = None


class BatchResponse(ResponseBody):
    registered: int
    items: list[BatchItem]


class ChangeResponse(ResponseBody):
    """One change: who, when, and each field before and after (masked, unless revealed)."""

    revision: int
    at: datetime
    actor: str
    actor_kind: str
    action: str
    fields: list["FieldChange"]


class FieldChange(ResponseBody):
    field: str
    before: str
    after: str


def _zone(name: str) -> str:
    if name and name not in available_timezones():
        raise ValueError(f"{name!r} is not an IANA time zone")
    return name
