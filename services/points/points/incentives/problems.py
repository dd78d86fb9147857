"""From errors of streaks, tasks, badges and draws to problem details."""

from common.http import Problem, problem
from points.draws.domain import (
    DrawClosedError,
    EpochUnknownError,
    NothingToHandOverError,
    NotRevealedError,
    PlayNotUndoneError,
    PlayUnknownError,
)
from points.incentives.domain import (
    IncentiveExistsError,
    IncentiveStateError,
    IncentiveUnknownError,
    LimitReachedError,
    NotInAudienceError,
    ReferenceMissingError,
)
from points.incentives.sign_ins import SignInRefusedError
from points.streaks.domain import MakeUpRefusedError
from points.tasks.domain import ClaimClosedError, ClaimedError, TaskNotCompletedError

INCENTIVE_PROBLEMS: dict[type[Exception], Problem] = {
    IncentiveUnknownError: problem(404, "unknown_incentive", "No such streak, task, badge or draw"),
    IncentiveExistsError: problem(409, "incentive_exists", "The key is taken"),
    IncentiveStateError: problem(409, "wrong_state", "Not possible in this state"),
    ReferenceMissingError: problem(409, "reference_missing", "The definition names something that is not there"),
    NotInAudienceError: problem(409, "not_in_audience", "Not for this member"),
    LimitReachedError: problem(409, "limit_reached", "A limit is used up"),
    SignInRefusedError: problem(409, "sign_in_refused", "The sign-in was not taken in"),
    MakeUpRefusedError: problem(409, "make_up_refused", "The day cannot be made up"),
    TaskNotCompletedError: problem(409, "task_not_completed", "The task is not completed"),
    ClaimedError: problem(409, "already_claimed", "The reward was given already"),
    ClaimClosedError: problem(409, "claim_closed", "Too late to claim"),
    DrawClosedError: problem(409, "draw_closed", "The draw is not open"),
    EpochUnknownError: problem(404, "unknown_epoch", "No such epoch"),
    PlayUnknownError: problem(404, "unknown_play", "No such play"),
    NotRevealedError: problem(409, "not_revealed", "The seed is not revealed yet"),
    PlayNotUndoneError: problem(409, "play_not_undone", "The play stays"),
    NothingToHandOverError: problem(409, "nothing_to_hand_over", "Nothing to hand over"),
}
