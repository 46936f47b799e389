"""The least recently used values leave when the bytes are spent."""

from __future__ import annotations

from sparkles_eval.adapters.local.bounded_cache import BoundedCache


def test_the_least_recently_used_leave_and_the_bytes_stay_within_the_limit() -> None:
    cache: BoundedCache[bytes] = BoundedCache(10, len)
    cache.put("a", b"aaaa")
    cache.put("b", b"bbbb")
    assert cache.get("a") == b"aaaa"
    cache.put("c", b"cccc")
    assert "b" not in cache and "a" in cache and cache.bytes == 8 and len(cache) == 2
    cache.put("a", b"a")
    assert cache.bytes == 5 and cache.get("a") == b"a"
    cache.drop("a")
    cache.drop("nothing")
    assert cache.bytes == 4 and cache.get("a") is None


def test_a_value_beyond_the_limit_is_not_kept() -> None:
    cache: BoundedCache[bytes] = BoundedCache(3, len)
    cache.put("a", b"aaaa")
    assert cache.get("a") is None and cache.bytes == 0
