"""What may change in a published contract: optional fields may come, nothing else.

`python -m tests.contracts.compatibility` writes down the schemas as they are now, unless they break what was published.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from common.events.contract import Contract
from common.events.registry import CONTRACTS

FOLDER = Path(__file__).parent / "schemas"
WORDS = ("description", "title", "examples")
"""Parts of a schema that are for people and may change."""

Schema = Mapping[str, Any]


def schema_of(contract: type[Contract]) -> dict[str, Any]:
    """The JSON Schema of what is read, without what is for people."""
    return _bare(contract.model_json_schema())  # type: ignore[no-any-return]


def stored(event_type: str) -> dict[str, Any] | None:
    file = FOLDER / f"{event_type}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def breaking(old: Schema, new: Schema) -> list[str]:
    """Every change that somebody who only knows `old` would notice; [] when there is none."""
    return [*_differences("", old, new, old.get("$defs", {}), new.get("$defs", {}), frozenset())]


def _differences(
    at: str, old: Any, new: Any, old_parts: Schema, new_parts: Schema, seen: frozenset[tuple[str, str]]
) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        pair = (old.get("$ref", ""), new.get("$ref", ""))
        if pair in seen:
            return
        seen |= {pair} if all(pair) else frozenset()
        old, new = _resolved(old, old_parts), _resolved(new, new_parts)
        if "properties" in old and "properties" in new:
            yield from _fields(at, old, new, old_parts, new_parts, seen)
        for key in sorted((set(old) | set(new)) - {"properties", "required", "$defs"}):
            if key not in old or key not in new:
                yield f"{at or 'contract'}: {key} was {old.get(key)!r} and is {new.get(key)!r}"
            else:
                yield from _differences(at, old[key], new[key], old_parts, new_parts, seen)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            yield from _differences(at, one, other, old_parts, new_parts, seen)
    elif old != new:
        yield f"{at or 'contract'}: was {old!r} and is {new!r}"


def _fields(
    at: str, old: Schema, new: Schema, old_parts: Schema, new_parts: Schema, seen: frozenset[tuple[str, str]]
) -> Iterator[str]:
    before, after = old["properties"], new["properties"]
    for name in before:
        if name not in after:
            yield f"{at}.{name}: is gone"
        else:
            yield from _differences(f"{at}.{name}", before[name], after[name], old_parts, new_parts, seen)
    needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
    yield from (f"{at}.{name}: is required now" for name in sorted(needed_after - needed_before))
    yield from (
        f"{at}.{name}: is not required any more" for name in sorted((needed_before - needed_after) & set(after))
    )


def _resolved(schema: dict[str, Any], parts: Schema) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    return {**parts[schema["$ref"].rpartition("/")[2]], **{k: v for k, v in schema.items() if k != "$ref"}}


def _bare(value: Any, *, names: bool = False) -> Any:
    """`names`: the keys of this mapping are names of fields or parts, not words of JSON Schema."""
    if isinstance(value, dict):
        return {
            key: _bare(inner, names=key in ("properties", "$defs") and not names)
            for key, inner in value.items()
            if names or key not in WORDS
        }
    return [_bare(one) for one in value] if isinstance(value, list) else value


def main() -> int:
    """The exit code: 1 when a contract breaks what was published, and then nothing is written."""
    schemas = {event_type: schema_of(contract) for event_type, contract in CONTRACTS.items()}
    wrong = [
        f"{event_type}{change}"
        for event_type, schema in schemas.items()
        if (before := stored(event_type)) is not None
        for change in breaking(before, schema)
    ]
    if wrong:
        print("\n".join(["This needs a new version beside the old one:", *wrong]), file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    for event_type, schema in schemas.items():
        text = json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True)
        (FOLDER / f"{event_type}.json").write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
