"""What is sent about earning rules, and what is answered."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from common.http import RequestBody, ResponseBody
from common.http.fields import Instant, Text
from points.rules import handlers
from points.rules.definition import Definition, RuleKey


class FindingResponse(ResponseBody):
    """Something about one field of a definition. `reason` is its text in English."""

    field: str
    code: str
    reason: str
    texts: dict[str, str] = Field(description="By language: zh-CN and en.")


class CheckResponse(ResponseBody):
    """Errors keep a rule from being published, warnings do not."""

    errors: list[FindingResponse]
    warnings: list[FindingResponse]


class DraftResponse(ResponseBody):
    rule: str
    revision: int
    definition: Definition
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    check: CheckResponse


class VersionResponse(ResponseBody):
    """A published version: it never changes."""

    rule: str
    version: int
    definition: Definition
    effective_from: datetime
    published_at: datetime
    published_by: str


class PublishedResponse(VersionResponse):
    warnings: list[FindingResponse]


class SummaryResponse(ResponseBody):
    """A rule as it is now. `definition` is the newest published version's, before the first one the draft's."""

    rule: str
    state: Literal["draft", "published", "retired"]
    version: int | None = Field(description="The newest published one.")
    effective_from: datetime | None
    published_at: datetime | None
    retired_from: datetime | None
    draft_revision: int | None = Field(description="Of the draft of the next version, if there is one.")
    definition: Definition


class ChangeResponse(ResponseBody):
    number: int
    action: Literal["published", "retired"]
    version: int
    effective_at: datetime
    reason: str
    recorded_at: datetime
    recorded_by: str


class Checking(RequestBody):
    rule: RuleKey
    definition: Definition


class Publishing(RequestBody):
    effective_from: Instant | None = Field(
        default=None,
        description="What occurs from then on earns by it, if it is recorded from now on. Default: now.",
    )


class Retiring(RequestBody):
    retired_from: Instant | None = Field(default=None, description="What occurs from then on. Default: now.")
    reason: Text = ""


def findings_response(found: Any) -> list[FindingResponse]:
    return [FindingResponse(field=one.field, code=one.code, reason=one.reason, texts=one.texts()) for one in found]


def version_fields(row: Any) -> dict[str, Any]:
    return {
        "rule": row.rule,
        "version": row.version,
        "definition": Definition.model_validate_json(row.definition),
        "effective_from": row.effective_from,
        "published_at": row.published_at,
        "published_by": row.published_by,
    }


def summary_response(row: Any) -> SummaryResponse:
    return SummaryResponse(
        rule=row.rule,
        state=row.state,
        version=row.version or None,
        effective_from=row.effective_from,
        published_at=row.published_at,
        retired_from=row.retired_from,
        draft_revision=row.draft_revision,
        definition=Definition.model_validate_json(row.definition),
    )


def checked_response(found: handlers.Checked) -> CheckResponse:
    return CheckResponse(errors=findings_response(found.errors), warnings=findings_response(found.warnings))


def change_response(row: Any) -> ChangeResponse:
    return ChangeResponse(
        number=row.number,
        action=row.action,
        version=row.version,
        effective_at=row.effective_at,
        reason=row.reason,
        recorded_at=row.recorded_at,
        recorded_by=row.recorded_by,
    )
