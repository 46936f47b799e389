"""`sparkles-eval chat`: talk to models about several images, on a page or in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli.commands import command
from sparkles_eval.core.config_options import Option
from sparkles_eval.viewer.config import ChatConfig, ChatModelsConfig, Host, Port


@command
def chat(
    models: ChatModelsConfig,
    config: ChatConfig,
    terminal: Annotated[
        bool, Option("Read and answer line by line, without a page; accepts a pipe.", section="Server")
    ] = False,
    host: Host = "127.0.0.1",
    port: Port = 0,
    browser: Annotated[bool, Option("Open the page in a browser.", "--browser/--no-browser", section="Server")] = True,
) -> None:
    """Talk to models about several images, each at any place in any message.

    The page is served on this machine, to whoever has its address. Save keeps a conversation as a dialogue for
    training (`train`) or for evaluating other models (`run`).
    Exit code 0: every question was answered; 2: something to fix on your side; 3: some were not (--terminal).

    [bold]Examples[/bold]

      sparkles-eval chat -m sparkleschat-tiny

      sparkles-eval chat -m gpt-4o -m openai/llava --model-arg openai/llava:base_url=http://localhost:8000/v1

      sparkles-eval chat -m sparkleschat-7b --terminal --save chat.jsonl --image a.jpg --image b.jpg

      echo "Is @a.jpg darker than @b.jpg?" | sparkles-eval chat -m sparkleschat-tiny --terminal
    """
    import tempfile

    from sparkles_eval.viewer.chat.chat_models import ChatModels
    from sparkles_eval.viewer.chat.storage import SessionImages

    chat_models = ChatModels(models)
    with tempfile.TemporaryDirectory(prefix="sparkles-chat-") as folder:
        images = SessionImages(Path(folder))
        if terminal:
            from sparkles_eval.viewer.chat.terminal import talk

            if not talk(chat_models, images, config):
                raise typer.Exit(3)
            return

        from sparkles_eval.viewer import need_server

        need_server("sparkles-eval chat")

        from sparkles_eval.viewer.chat.page import ChatRoom, application
        from sparkles_eval.viewer.web_server import serve

        opening = [images.read(path) for path in config.images]
        room = ChatRoom(chat_models, images, opening, config.file, models.content)
        serve(lambda token, at, bound: application(room, token, at, bound), host, port, open_browser=browser)
