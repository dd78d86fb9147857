"""Why two members cannot be merged, or parted again. Attributes are facts that may be shown."""

from uuid import UUID


class SelfMergeError(Exception):
    """A member cannot be merged into itself."""

    def __init__(self, member_id: UUID) -> None:
        super().__init__(f"Member {member_id} cannot be merged into itself.")
        self.member_id = member_id


class AlreadyMergedError(Exception):
    """The member was merged before; undo that first."""

    def __init__(self, absorbed_member_id: UUID, member_id: UUID, merge_id: UUID) -> None:
        super().__init__(f"Member {absorbed_member_id} was merged into {member_id} before.")
        self.absorbed_member_id = absorbed_member_id
        self.member_id = member_id
        self.merge_id = merge_id


class MergeCycleError(Exception):
    """The survivor is itself part of the member that would be absorbed."""

    def __init__(self, member_id: UUID, absorbed_member_id: UUID) -> None:
        super().__init__(f"Member {member_id} was merged into {absorbed_member_id}: it cannot be the survivor.")
        self.member_id = member_id
        self.absorbed_member_id = absorbed_member_id


class MergeIdReusedError(Exception):
    """This id names another merge."""

    def __init__(self, merge_id: UUID) -> None:
        super().__init__(f"Merge {merge_id} is of other members.")
        self.merge_id = merge_id


class MergeUnknownError(Exception):
    """No such merge."""

    def __init__(self, merge_id: UUID) -> None:
        super().__init__(f"Merge {merge_id} is not known.")
        self.merge_id = merge_id


class MergeOrderError(Exception):
    """The survivor was merged on: undo the later merge first."""

    def __init__(self, merge_id: UUID, later_merge_id: UUID) -> None:
        super().__init__(f"Merge {later_merge_id} came after merge {merge_id}: undo it first.")
        self.merge_id = merge_id
        self.later_merge_id = later_merge_id
