"""Finds task folders by path or name, lists them, and writes the commented folder of a new task."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import RootModel, ValidationError

from sparkles_eval.core.content import ContentKind, content_dir, find_file, overlay
from sparkles_eval.core.errors import ContentError, UserError
from sparkles_eval.tasks.loaders import loader_names
from sparkles_eval.tasks.scorers.registry import make_scorer
from sparkles_eval.tasks.spec import FILE, TaskSpec, read_spec, valid_name
from sparkles_eval.tasks.validation import read_text


@dataclass(frozen=True, slots=True)
class TaskFolder:
    """A task's folder with its checked task.yaml. Named tasks may have single files replaced by `--content` folders."""

    path: Path
    spec: TaskSpec
    name: str = ""
    """Name in the overlay; "" for a folder that was given by its path."""
    content: tuple[Path, ...] = ()

    def file(self, name: str) -> Path | None:
        """A file of the task: the first one over the overlay for a named task, else the folder's own."""
        if self.name:
            return find_file("tasks", f"{self.name}/{name}", self.content)
        own = self.path / name
        return own if own.is_file() else None


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """One line of `sparkles-eval list tasks`."""

    name: str
    title: str
    where: Path
    usable: bool
    why_not: str = ""
    """The reason, with the fix, where it is not usable."""
    needs_data_root: bool = False
    """True when it can only be used with `--data-root`."""


def find_task(name_or_path: str, content: Sequence[Path] = ()) -> TaskFolder:
    """The task of that name, or in the folder of that path ("./mine", "/data/mine", "mine/" or any existing folder).

    A name wins over a folder of the same name in the current directory. Raises errors.ContentError.
    """
    plain = valid_name(name_or_path)
    if plain and (found := find_file("tasks", f"{name_or_path}/{FILE}", content)):
        spec = read_spec(found)
        if spec.name != name_or_path:
            raise ContentError(
                f"{found}: name: {spec.name!r} is not the folder's name {name_or_path!r}; make them equal"
            )
        return TaskFolder(found.parent, spec, spec.name, tuple(content))
    path = Path(name_or_path).expanduser()
    if path.name == FILE:
        path = path.parent
    if path.is_dir():
        return TaskFolder(path, read_spec(path / FILE))
    names = [*_names(content), *task_groups(content)]
    if not plain:
        raise ContentError(f"task {name_or_path}: there is no such folder")
    near = difflib.get_close_matches(name_or_path, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ContentError(
        f"unknown task {name_or_path!r}.{hint} Known: {', '.join(names)}; or give a folder's path, such as ./my_task"
    )


def _names(content: Sequence[Path]) -> list[str]:
    """Every name over the overlay; a folder that starts with "_" or "." is not a task."""
    found = {
        folder.name
        for place in overlay("tasks", content)
        for folder in place.iterdir()
        if (folder / FILE).is_file() and valid_name(folder.name)
    }
    return sorted(found)


GROUPS = "_groups.yaml"


class TaskGroups(RootModel[dict[str, tuple[str, ...]]]):
    """A _groups.yaml: names for several tasks at once."""


def task_groups(content: Sequence[Path] = ()) -> dict[str, tuple[str, ...]]:
    """The groups of tasks by name; the user's `--content` folders take precedence. Raises errors.ContentError."""
    found: dict[str, tuple[str, ...]] = {}
    for place in reversed(overlay("tasks", content)):
        if (file := place / GROUPS).is_file():
            try:
                found |= TaskGroups.model_validate(yaml.safe_load(read_text(file)) or {}).root
            except (yaml.YAMLError, ValidationError, RecursionError) as error:
                what = str(error).partition("\n")[0]
                raise ContentError(f"{file}: holds lines such as `multi-image: [a, b]` ({what})") from None
    return found


def expand_groups(names: Sequence[str], content: Sequence[Path] = ()) -> tuple[str, ...]:
    """Names of tasks with each group's tasks in its place, each once. A task's own name takes precedence."""
    groups = task_groups(content)
    known = set(_names(content)) if groups else set[str]()
    listed = (groups[name] if name in groups and name not in known else (name,) for name in names)
    return tuple(dict.fromkeys(name for several in listed for name in several))


def list_tasks(content: Sequence[Path] = (), plugins: Sequence[Path] = ()) -> list[TaskInfo]:
    """Every task by name, usable or not, with the reason. Reads each task.yaml, but no data."""
    known = loader_names(plugins)  # also loads the plugins, with the metrics that tasks may list
    found = []
    for name in _names(content):
        try:
            folder = find_task(name, content)
        except UserError as error:
            where = find_file("tasks", f"{name}/{FILE}", content)
            found.append(TaskInfo(name, "", (where or Path(name)).parent, usable=False, why_not=str(error)))
            continue
        why_not = _why_not(folder, known, plugins)
        needs = folder.spec.needs_data_root
        found.append(TaskInfo(name, folder.spec.title, folder.path, not why_not, why_not, needs_data_root=needs))
    return found


def _why_not(folder: TaskFolder, loaders: Sequence[str], plugins: Sequence[Path]) -> str:
    spec = folder.spec
    for name in spec.protocols:
        chosen = spec.scorer_of(name)
        try:
            if chosen is not None:
                make_scorer(chosen.name, chosen.options, plugins)
        except UserError as error:
            return f"{folder.path / FILE}: scorer: {error}"
    if spec.loader not in loaders:
        return f"{folder.path / FILE}: loader: {spec.loader!r} is not installed; there are {', '.join(loaders)}"
    prompts = dict.fromkeys(protocol.prompt for protocol in spec.protocols.values())
    missing = [name for name in prompts if folder.file(name) is None]
    return f"{folder.path}: the prompt file {', '.join(missing)} is missing" if missing else ""


_MARK = "@NAME@"


def write_task_scaffold(name: str, where: Path) -> Path:
    """Make the folder `where`/`name` with task.yaml, prompt, three samples, two drawn images and a card.

    Returns its path. Raises errors.UserError for a name that is not allowed or that exists already: nothing is ever
    overwritten.
    """
    files = (FILE, "prompt.md.j2", "samples.jsonl", "README.md")
    return copy_scaffold("tasks", files, name, where, add=lambda folder: _draw(folder / "images"))


def copy_scaffold(
    kind: ContentKind, files: Sequence[str], name: str, where: Path, add: Callable[[Path], None] = lambda _: None
) -> Path:
    """Copy `files` of the shipped folder `kind`/_skeleton to `where`/`name`, then `add` files that are not text.

    Returns the path. A folder that cannot be written completely is removed again. Raises as `write_task_scaffold`.
    """
    if not valid_name(name):
        raise UserError(f"{name!r} cannot be a name; use lower case letters, digits, '.', '_' and '-'")
    source = content_dir(kind) / "_skeleton"
    missing = [file for file in files if not (source / file).is_file()]
    if missing:
        raise ContentError(f"{source}: {', '.join(missing)} is missing; reinstall sparkles-eval")
    folder = where.expanduser() / name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UserError(f"{folder} is there already; take another name or remove it first") from None
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror}") from None
    try:
        for file in files:
            text = (source / file).read_text(encoding="utf-8").replace(_MARK, name)
            (folder / file).write_text(text, encoding="utf-8")
        add(folder)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise UserError(f"{folder} cannot be written: {error.strerror}") from None
    return folder


def _draw(folder: Path) -> None:
    """Draw two small pictures, so that no binary file has to be shipped."""
    from PIL import Image, ImageDraw

    folder.mkdir()
    circle = Image.new("RGB", (128, 128), "#f4f1ea")
    ImageDraw.Draw(circle).ellipse((28, 28, 100, 100), fill="#c8372d")
    circle.save(folder / "red_circle.png")
    square = Image.new("RGB", (128, 128), "#f4f1ea")
    ImageDraw.Draw(square).rectangle((32, 32, 96, 96), fill="#2f5fb3")
    square.save(folder / "blue_square.png")
