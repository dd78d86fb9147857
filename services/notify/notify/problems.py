"""Which answer a domain error becomes."""

from common.http import problem
from notify.dispatch.domain import NoticeNotFailedError
from notify.dispatch.settling import NoticeUnknownError
from notify.inbox.handlers import MemberUnknownError, NotInInboxError
from notify.templates.domain import TemplateFlawedError, TemplatePublishedError, UnknownPlaceError
from notify.templates.handlers import DraftExistsError, TemplateUnknownError

PROBLEMS = {
    DraftExistsError: problem(409, "draft_exists", "There is a draft already"),
    MemberUnknownError: problem(404, "member_unknown", "No such member"),
    NoticeNotFailedError: problem(409, "notice_not_failed", "Only a failed notice can be sent again"),
    NoticeUnknownError: problem(404, "notice_unknown", "No such notice"),
    NotInInboxError: problem(404, "notice_unknown", "No such notice"),
    TemplateFlawedError: problem(422, "template_flawed", "The template cannot be published"),
    TemplatePublishedError: problem(409, "template_published", "A published template never changes"),
    TemplateUnknownError: problem(404, "template_unknown", "No such template"),
    UnknownPlaceError: problem(422, "place_unknown", "No such occasion, channel or language"),
}
