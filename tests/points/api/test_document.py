"""docs/points.md: every request in it works, in the order in which it stands there."""

import json
import re
from pathlib import Path
from typing import Any

from common.storage import Database
from tests.points.world import happen, member, purchase

DOCUMENT = Path(__file__).parents[3] / "docs" / "points.md"
REQUEST = re.compile(r"^```http\n(?P<method>[A-Z]+) (?P<path>\S+)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
LINES = (
    {"sku": "green-tea", "category": "tea", "amount": 6_000},
    {"sku": "cup", "category": "ware", "amount": 4_000},
)
SATURDAY = "2025-03-15T12:00:00+08:00"


async def test_every_request_of_the_document_is_answered(points_database: Database, client: Any) -> None:
    known = {"ann": str(await member(points_database)), "ben": str(await member(points_database))}
    found = list(REQUEST.finditer(DOCUMENT.read_text(encoding="utf-8")))
    assert len(found) > 15
    async with client(role="admin") as admin:
        for number, request in enumerate(found):
            path, body = (filled(request[part], known) for part in ("path", "body"))
            if "explain" in path:
                ann = known["ann"]
                await happen(points_database, purchase(ann, "o-1", 10_000, at=SATURDAY, lines=LINES))  # type: ignore[arg-type]
            answer = await admin.request(request["method"], path, json=json.loads(body) if body.strip() else None)
            assert answer.status_code < 300, f"request {number + 1}, {request['method']} {path}: {answer.text}"
            known |= {name: str(value) for name, value in answer.json().items() if name.endswith("_id")}


def filled(text: str, known: dict[str, str]) -> str:
    return re.sub(r"\{([a-z_]+)\}", lambda found: known.get(found[1], found[0]), text)
