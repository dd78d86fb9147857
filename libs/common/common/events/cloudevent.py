"""CloudEvents 1.0 in structured JSON mode: the envelope is in the body, so a message explains itself wherever it lies.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md; `traceparent` is the
distributed tracing extension.
"""

from datetime import datetime
from typing import Any

import orjson

CONTENT_TYPE = "application/cloudevents+json"


def structured(
    *, source: str, id: str, type: str, time: datetime, data: bytes, subject: str = "", traceparent: str = ""
) -> bytes:
    """The body of a message; `data` is the payload as JSON."""
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": type,
        "time": time,
        "datacontenttype": "application/json",
    }
    if subject:
        envelope["subject"] = subject
    if traceparent:
        envelope["traceparent"] = traceparent
    envelope["data"] = orjson.Fragment(data)
    return orjson.dumps(envelope, option=orjson.OPT_UTC_Z)
