"""From an error of gifts to problem details."""

from common.http import problem
from points.gifts.errors import (
    GiftGoneError,
    GiftsClosedError,
    GiftSizeError,
    GiftUnknownError,
    NotTransferableError,
    SelfGiftError,
)

PROBLEMS = {
    GiftUnknownError: problem(404, "unknown_gift", "Gift not known"),
    GiftGoneError: problem(409, "gift_gone", "Nothing of the gift is left"),
    GiftsClosedError: problem(409, "gifts_closed", "Members may not give points"),
    GiftSizeError: problem(409, "gift_size", "So many points cannot be given at once"),
    SelfGiftError: problem(409, "gift_to_self", "Nobody gives points to oneself"),
    NotTransferableError: problem(409, "wallet_not_transferable", "What this wallet holds cannot be given away"),
}
