"""A chat in the terminal, line by line, or piped.

Answers go to standard output as they grow, everything else to standard error, so that a pipe carries answers alone.
What a model writes is shown as text: control characters are written out, so it cannot move the cursor.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from sparkles_eval.core import Part, Status, Text
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.printing import say, say_error
from sparkles_eval.core.text import one_line, quantity, visible
from sparkles_eval.tasks.images import SUFFIXES
from sparkles_eval.viewer.chat.chat_models import ChatModels
from sparkles_eval.viewer.chat.conversation import Chat, ChatAnswer, Stage
from sparkles_eval.viewer.chat.storage import SessionImages, images_folder, save
from sparkles_eval.viewer.config import ChatConfig

HELP = """\
Write a message and press Enter; a line that ends in \\ goes on in the next.
@PATH or /image PATH, at any word of a message, shows a picture there: Is @a.png darker than @"my b.png"?
/image PATH...  alone on a line: the next message begins with these pictures
/save [FILE]    write the conversation as a dialogue    /retry  ask the last question again
/new            begin another conversation              /quit   end (Ctrl-D)
Ctrl-C stops an answer."""

_PICTURE = re.compile(r"""(?<![^\s(\[{"'])(@|/image[ \t]+)(?:"([^"]+)"|(\S+))""")
_ENDS = ".,;:!?)]}\"'"
"""What may stand right behind a path without belonging to it."""


def talk(cast: ChatModels, album: SessionImages, config: ChatConfig) -> bool:
    """Talk until the input ends or /quit. True when every question was answered by every model.

    Raises errors.UserError for a picture of `config` that cannot be read, or a file that cannot be written at the end.
    """
    with asyncio.Runner() as runner:
        talking = _Talk(runner, cast, album, config)
        try:
            talking.loop()
        finally:
            runner.run(cast.aclose())
    return talking.answered


def read_message(text: str, album: SessionImages) -> list[Part]:
    """Words with pictures where their paths stand. Raises errors.UserError for a path that leads to no picture.

    An "@word" that is no file and does not look like one (a slash, a picture's ending) stays a word.
    """
    parts: list[Part] = []
    done = 0
    for found in _PICTURE.finditer(text):
        path = found[2] or found[3]
        if found[3] and not _file(path):
            path = path.rstrip(_ENDS)
        named = _file(path) or found[1] != "@" or "/" in path or path.lower().endswith(SUFFIXES)
        if not path or not named:
            continue
        end = found.end() if found[2] else found.start(3) + len(path)
        parts += [Text(text[done : found.start()]), album.read(Path(path))]
        done = end
    parts.append(Text(text[done:]))
    return [part for part in parts if part != Text("")]


def _files_alone(line: str) -> list[str]:
    """The files of a line that is /image and nothing but files; none where it has words as well."""
    word, _, rest = line.strip().partition(" ")
    try:
        files = shlex.split(rest)
    except ValueError:  # an apostrophe: words
        return []
    return files if word == "/image" and all(map(_file, files)) else []


def _file(path: str) -> bool:
    try:
        return Path(path).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False


class _Talk:
    def __init__(self, runner: asyncio.Runner, cast: ChatModels, album: SessionImages, config: ChatConfig) -> None:
        self._runner = runner
        self._album = album
        self._adapters = cast.adapters(cast.named)
        self._file = config.file
        self._next: list[Part] = [album.read(path) for path in config.images]
        self._chat = Chat(self._adapters)
        self._person = sys.stdin.isatty()
        self.answered = True

    def loop(self) -> None:
        """Line after line."""
        if self._person:
            _editable()
            names = ", ".join(one_line(adapter.model.name) for adapter in self._adapters)
            _note(f"{names}: write a message, /help lists commands")
        while (line := self._read()) is not None:
            try:
                if not self._handle(line):
                    break
            except UserError as error:
                self.answered = self.answered and self._person
                _error(str(error))
        self._keep()

    def _handle(self, line: str) -> bool:
        """Do what a line says; False to end."""
        word, _, rest = line.strip().partition(" ")
        if word == "/quit":
            return False
        if word == "/help":
            _note(HELP)
        elif word == "/new":
            self._keep()
            self._chat, self._next = Chat(self._adapters), []
        elif word == "/save":
            self._save(Path(rest.strip()).expanduser() if rest.strip() else self._file)
        elif word == "/retry":
            self._retry()
        elif word.startswith("/") and word != "/image" and not _file(word):
            raise UserError(f"there is no command {one_line(word)}; /help lists them")
        elif line.strip():
            self._say(line)
        return True

    def _say(self, line: str) -> None:
        if files := _files_alone(line):
            self._next += [self._album.read(Path(file)) for file in files]
            _note(f"{quantity(len(self._next), 'picture')} for the next message")
            return
        parts = [*self._next, *read_message(line, self._album)]
        self._next = []
        self._show(self._ask(parts))

    def _ask(self, parts: Sequence[Part]) -> Sequence[ChatAnswer]:
        async def ask() -> Sequence[ChatAnswer]:
            return self._chat.ask(parts).answers

        return self._runner.run(ask())

    def _retry(self) -> None:
        async def retry() -> Sequence[ChatAnswer]:
            return [self._chat.retry(number) for number in range(len(self._adapters))]

        self._show(self._runner.run(retry()))

    def _show(self, answers: Sequence[ChatAnswer]) -> None:
        for answer in answers:
            try:
                self._runner.run(_written(answer, labelled=len(answers) > 1 or self._person))
            except KeyboardInterrupt:
                self._runner.run(self._chat.stop())
                say()
                if not self._person:
                    raise
            self.answered = self.answered and answer.stage is Stage.WHOLE
            _ending(answer, timed=self._person)

    def _keep(self) -> None:
        """The conversation ends: it is saved where the command line says so and there is something to save."""
        if self._file is not None and any(answer.counts for e in self._chat.exchanges for answer in e.answers):
            self._save(self._file)

    def _save(self, file: Path | None) -> None:
        if file is None:
            raise UserError("name a file: /save chat.jsonl")
        saved = save(self._chat, file)
        pictures = f", pictures in {images_folder(file)}" if saved.images else ""
        left_out = f" ({saved.left_out} without an answer left out)" if saved.left_out else ""
        _note(f"saved {file}{pictures}{left_out}")

    def _read(self) -> str | None:
        """The next message; None at the end of the input."""
        lines: list[str] = []
        try:
            while True:
                line = input("… " if lines else "> ") if self._person else _piped()
                if not line.endswith("\\"):
                    return "\n".join([*lines, line])
                lines.append(line[:-1])
        except EOFError:
            return "\n".join(lines) if lines else None
        except KeyboardInterrupt:
            say(err=True)
            return None


def _piped() -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\r\n")


async def _written(answer: ChatAnswer, *, labelled: bool) -> None:
    """Write an answer while it grows."""
    if labelled:
        say(one_line(answer.model.name), bold=True)
    shown = ""
    async for grown in answer.follow():
        text = visible(grown.text)
        if not text.startswith(shown):  # the model took something back: the whole answer, once more
            text = f"\n{text}"
            shown = ""
        say(text[len(shown) :], end=False)
        shown = text
    say()


def _ending(answer: ChatAnswer, *, timed: bool) -> None:
    reply = answer.reply
    if answer.stage is Stage.FAILED:
        _error(answer.error)
    elif answer.stage is Stage.STOPPED:
        _note("stopped: not part of the conversation")
    elif reply is not None and reply.status in (Status.REFUSED, Status.TRUNCATED):
        _note(f"{reply.status.value}: {visible(reply.detail or '')}")
    elif timed and reply is not None and answer.seconds is not None:
        tokens = f", {reply.usage.output_tokens} tokens" if reply.usage.output_tokens is not None else ""
        _note(f"{answer.seconds:.1f} s{tokens}")


def _note(text: str) -> None:
    say(text, dim=True, err=True)


def _error(text: str) -> None:
    say_error(str(text))


def _editable() -> None:
    """Arrow keys and a history at the prompt, where this Python has them."""
    try:
        import readline
    except ImportError:
        return
    readline.set_auto_history(True)
