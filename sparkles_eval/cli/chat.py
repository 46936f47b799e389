"""`sparkles-eval chat`: talk to models about several images, on a page or in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli import options

_WHO, _PAGE = "Who answers", "The page"


def chat(
    model: Annotated[
        list[str],
        typer.Option("--model", "-m", help="KIND/NAME or a preset; two or more side by side.", rich_help_panel=_WHO),
    ],
    model_arg: Annotated[
        list[str] | None,
        typer.Option("--model-arg", metavar="[MODEL:]K=V", rich_help_panel=_WHO, help="base_url=http://… …"),
    ] = None,
    generation: Annotated[
        list[str] | None,
        typer.Option("--generation", metavar="[MODEL:]K=V", rich_help_panel=_WHO, help="temperature=0.7 …"),
    ] = None,
    image: Annotated[
        list[Path] | None, typer.Option("--image", help="The first message begins with this picture; several times.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Where Save writes dialogues, and the terminal each conversation at its end; pictures go beside it.",
            show_default=False,
        ),
    ] = None,
    terminal: Annotated[bool, typer.Option("--terminal", help="Line by line, without a page; takes a pipe.")] = False,
    host: Annotated[str, typer.Option(help="Where the page listens.", rich_help_panel=_PAGE)] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.", rich_help_panel=_PAGE)] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.", rich_help_panel=_PAGE)
    ] = True,
    content: options.Content = None,
    plugin: options.Plugins = None,
) -> None:
    """Talk to models about several images, each at any word of any message.

    The page is on this machine and private to whoever has its address. Save keeps a conversation as a dialogue that
    can be trained on (`train`) or asked of other models (`run`).
    Exit code 0: every question was answered; 3: some were not (--terminal); 2: your error.

    [bold]Examples[/bold]

      sparkles-eval chat -m sparkleschat-tiny

      sparkles-eval chat -m gpt-4o -m openai/llava --model-arg openai/llava:base_url=http://localhost:8000/v1

      sparkles-eval chat -m sparkleschat-7b --terminal --save chat.jsonl --image a.jpg --image b.jpg

      echo "Is @a.jpg darker than @b.jpg?" | sparkles-eval chat -m sparkleschat-tiny --terminal
    """
    import tempfile

    from sparkles_eval.viewer.chat.chat_models import ChatModels, ChatModelsConfig
    from sparkles_eval.viewer.chat.storage import SessionImages

    config = ChatModelsConfig(
        models=tuple(model),
        model_args=tuple(model_arg or ()),
        generation=tuple(generation or ()),
        content=tuple(content or ()),
        plugins=tuple(plugin or ()),
    )
    cast = ChatModels(config)
    with tempfile.TemporaryDirectory(prefix="sparkles-chat-") as folder:
        album = SessionImages(Path(folder))
        if terminal:
            from sparkles_eval.viewer.chat.terminal import ChatConfig, talk

            if not talk(cast, album, ChatConfig(tuple(image or ()), save)):
                raise typer.Exit(3)
            return

        from sparkles_eval.viewer import need_server

        need_server("sparkles-eval chat")

        from sparkles_eval.viewer.chat.page import ChatRoom, application
        from sparkles_eval.viewer.web_server import serve

        room = ChatRoom(cast, album, [album.read(path) for path in image or ()], save, tuple(content or ()))
        serve(lambda token, at, bound: application(room, token, at, bound), host, port, open_browser=browser)
