"""The simulator's replies have the shape of the literal ones: same keys, same types."""

from collections.abc import Mapping
from typing import Any

import httpx

from freshdesk_simulator import Simulator

# Objects whose keys are data: labels, ids and names that differ from account to account.
FREE_KEYS = {"choices", "custom_fields"}
# Times change, and so do ids that Freshdesk hands out.
RANDOM_PATHS = {"/jobs/4a6b8c"}


async def test_status_headers_and_shape(simulator: Simulator, exchange: dict[str, Any]) -> None:
    key = "wrong-key" if exchange.get("key") == "wrong" else simulator.api_key
    async with simulator.client(api_key=key) as client:
        path = await _path(client, exchange)
        reply = await _send(client, exchange["request"], path)
    expected = exchange["reply"]
    assert reply.status_code == expected["status"]
    assert ("link" in reply.headers) == ("Link" in expected.get("headers", {}))
    if "json" not in expected:
        assert reply.content == b""
        return
    assert reply.headers["content-type"].startswith("application/json")
    actual = reply.json()
    if reply.status_code >= 400:
        assert actual == expected["json"]
    else:
        assert differences(expected["json"], actual) == []


async def _path(client: httpx.AsyncClient, exchange: dict[str, Any]) -> str:
    """Return the path to ask for, with what has to happen before already done."""
    path: str = exchange["request"]["path"]
    if "after" in exchange:
        await client.post("/tickets/1/notes", json={"body": "<p>otai-3f9a2c</p>", "private": True})
    if path in RANDOM_PATHS:
        bulk = {"bulk_action": {"ids": [1], "properties": {"priority": 2}}}
        started = await client.post("/tickets/bulk_update", json=bulk)
        return f"/jobs/{started.json()['job_id']}"
    return path


async def _send(client: httpx.AsyncClient, asked: dict[str, Any], path: str) -> httpx.Response:
    return await client.request(
        asked["method"], path, params=asked.get("params"), json=asked.get("json")
    )


def differences(expected: Any, actual: Any, place: str = "$") -> list[str]:
    """Return where `actual` lacks a key of `expected`, or has a value of another type."""
    if expected is None or actual is None:
        return []
    if type(expected) is not type(actual):
        return [f"{place}: {type(expected).__name__} expected, not {type(actual).__name__}"]
    if isinstance(expected, Mapping):
        return _object_differences(expected, actual, place)
    if isinstance(expected, list):
        return _list_differences(expected, actual, place)
    return []


def _object_differences(
    expected: Mapping[str, Any], actual: Mapping[str, Any], place: str
) -> list[str]:
    found = [f"{place}.{key} is missing" for key in expected if key not in actual]
    for key in expected.keys() & actual.keys():
        if key in FREE_KEYS:
            found += _shape_differences(expected[key], actual[key], f"{place}.{key}")
        else:
            found += differences(expected[key], actual[key], f"{place}.{key}")
    return found


def _list_differences(expected: list[Any], actual: list[Any], place: str) -> list[str]:
    if not actual:
        return [f"{place} is empty"] if expected else []
    found = []
    for one in expected:
        # Ticket fields are compared with those of the same name, other rows with the first.
        named = isinstance(one, Mapping) and "type" in one and "label" in one
        twin = next((row for row in actual if row["name"] == one["name"]), None) if named else None
        name = f"[{one['name']}]" if named else "[]"
        found += differences(one, actual[0] if twin is None else twin, place + name)
    return found


def _shape_differences(expected: Any, actual: Any, place: str) -> list[str]:
    """Compare objects with free keys by the values of any one key, lists by any one entry."""
    if type(expected) is not type(actual):
        return differences(expected, actual, place)
    pairs = [
        list(side.values()) if isinstance(side, Mapping) else list(side)
        for side in (expected, actual)
    ]
    if not all(pairs):
        return []
    first, second = pairs[0][0], pairs[1][0]
    if isinstance(first, Mapping) and "value" in first:  # a choice of the admin endpoint
        return differences(first, second, f"{place}[]")
    if isinstance(first, Mapping | list):
        return _shape_differences(first, second, f"{place}[]")
    return differences(first, second, f"{place}[]")
