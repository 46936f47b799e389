"""The bare client: reads each item's files, base64, JSON, one post with aiohttp, and nothing else.

What any harness must do at the least for the same requests; every figure is given as a ratio to this one's.
`python -m benchmarks.floor --folder F --url http://127.0.0.1:8080/v1 --connections 64`
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path

import aiohttp

_ASK = 'Is the statement TRUE or FALSE? Reason step by step, then end with "Therefore, the answer is TRUE." or FALSE.'


def _body(folder: Path, line: str, model: str) -> bytes:
    sample = json.loads(line)
    parts: list[dict[str, object]] = []
    for name in sample["images"]:
        data = base64.b64encode((folder / name).read_bytes()).decode()
        parts.append({"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}})
    parts.append({"type": "text", "text": f"Statement: {sample['fields']['statement']}\n{_ASK}"})
    message = {"role": "user", "content": parts}
    return json.dumps({"model": model, "messages": [message], "max_tokens": 256, "temperature": 0}).encode()


async def ask_all(folder: Path, url: str, connections: int, model: str) -> int:
    """Ask every item once, `connections` at a time; returns how many replies held an answer."""
    lines: Iterator[str] = iter((folder / "samples.jsonl").read_text().splitlines())
    headers = {"Content-Type": "application/json", "Authorization": "Bearer loopback"}
    answered = 0

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal answered
        for line in lines:
            async with session.post(f"{url}/chat/completions", data=_body(folder, line, model)) as reply:
                body = json.loads(await reply.read())
            answered += bool(body["choices"][0]["message"]["content"])

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:
        await asyncio.gather(*[work(session) for _ in range(connections)])
    return answered


def main() -> None:
    """Ask every item of a folder once and print how many were answered."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description=main.__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--model", default="good")
    given = parser.parse_args()
    print(asyncio.run(ask_all(given.folder, given.url, given.connections, given.model)))


if __name__ == "__main__":
    main()
