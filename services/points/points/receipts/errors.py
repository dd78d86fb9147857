"""What can be wrong with a question for a receipt. Attributes are facts that may be shown."""


class SequenceUnknownError(Exception):
    """The wallet has no transfer of this number yet."""

    def __init__(self, wallet: str, *, sequence: int, newest: int) -> None:
        super().__init__(f"Wallet {wallet} has no transfer {sequence}: the newest is {newest}.")
        self.wallet = wallet
        self.sequence = sequence
        self.newest = newest


class ReceiptMismatchError(Exception):
    """What the member has of a transfer is not what is here: one of the two was changed."""

    def __init__(self, wallet: str, *, sequence: int, yours: str, ours: str) -> None:
        super().__init__(f"Transfer {sequence} of wallet {wallet} has another hash here than the one you have.")
        self.wallet = wallet
        self.sequence = sequence
        self.yours = yours
        self.ours = ours
