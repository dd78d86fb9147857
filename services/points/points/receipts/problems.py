"""From an error of receipts to problem details."""

from common.http import problem
from points.receipts.errors import ReceiptMismatchError, SequenceUnknownError

PROBLEMS = {
    SequenceUnknownError: problem(404, "unknown_sequence", "The wallet has no such transfer"),
    ReceiptMismatchError: problem(409, "receipt_mismatch", "What you have is not what is here"),
}
