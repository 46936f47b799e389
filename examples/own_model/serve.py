"""The same model behind HTTP, in the least code that speaks chat completions: `python serve.py --port 8000`.

With it, sparkles-eval (or any other client) needs no code of the model's: --model openai/colours --model-arg base_url=…
"""

from __future__ import annotations

import argparse
import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from colour_sense import ColourSense
from pydantic import BaseModel, ValidationError


class ImageUrl(BaseModel):
    """`url` is a data URL: data:image/png;base64,…"""

    url: str


class Part(BaseModel):
    """Words or an image of a message."""

    text: str = ""
    image_url: ImageUrl | None = None


class Message(BaseModel):
    """One message; plain text may stand in the place of its parts."""

    content: str | tuple[Part, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        return (Part(text=self.content),) if isinstance(self.content, str) else self.content


class Question(BaseModel):
    """What of a chat completion request is used here."""

    model: str
    messages: tuple[Message, ...]


def reply_to(question: Question) -> dict[str, object]:
    """A chat completion, as OpenAI's reference describes it."""
    parts = question.messages[-1].parts
    images = [base64.b64decode(part.image_url.url.partition(",")[2]) for part in parts if part.image_url]
    text = ColourSense().answer("".join(part.text for part in parts), images)
    message = {"role": "assistant", "content": text}
    return {"model": question.model, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


class Handler(BaseHTTPRequestHandler):
    """POST /v1/chat/completions; GET anything says that the server is up."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer one question; 400 with the reason for what is none."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            self._send(200, reply_to(Question.model_validate_json(body)))
        except (ValidationError, ValueError, OSError) as error:
            self._send(400, {"error": {"message": str(error)}})

    def do_GET(self) -> None:
        """Say that the server is up."""
        self._send(200, {"status": "ok"})

    def _send(self, status: int, value: dict[str, object]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server names it
        """Keep the screen quiet."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    server = ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Handler)
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()
