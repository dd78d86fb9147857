"""From an error of merges to problem details."""

from common.http import problem
from points.merges.errors import (
    AlreadyMergedError,
    MergeCycleError,
    MergeIdReusedError,
    MergeOrderError,
    MergeUnknownError,
    SelfMergeError,
)

PROBLEMS = {
    MergeUnknownError: problem(404, "unknown_merge", "Merge not known"),
    SelfMergeError: problem(409, "merge_into_itself", "A member cannot be merged into itself"),
    AlreadyMergedError: problem(409, "already_merged", "The member was merged before"),
    MergeCycleError: problem(409, "merge_cycle", "The survivor is part of the absorbed member"),
    MergeIdReusedError: problem(409, "merge_id_reused", "The id names another merge"),
    MergeOrderError: problem(409, "merge_order", "A later merge must be undone first"),
}
