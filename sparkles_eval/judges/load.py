"""Finds judges (shipped, in `--content`, by path, from plugins and packages) and applies the user's `--judge-arg`s."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, cast

from pydantic import ValidationError

from sparkles_eval.core import Generation, Model
from sparkles_eval.core.content import find_file, overlay
from sparkles_eval.core.errors import ContentError, UserError
from sparkles_eval.core.plugins import Plugin
from sparkles_eval.judges.base import Judge
from sparkles_eval.judges.expected import CANARY
from sparkles_eval.judges.rubric import Rubric, RubricJudge
from sparkles_eval.judges.spec import FILE, JudgeSpec, VariantSpec, read_spec
from sparkles_eval.tasks.prompts import names_used
from sparkles_eval.tasks.spec import valid_name
from sparkles_eval.tasks.validation import read_text, validation_messages

_JUDGE = ("repeats", "scope", "overall")
_VARIANT = ("attempts", "structured")
_GENERATION = ("temperature", "top_p", "top_k", "max_tokens", "seed")
OWN = frozenset({"model", "criteria", *_JUDGE, *_VARIANT, *_GENERATION})
"""Arguments of a rubric judge itself; all others go to the model that it asks, which `model` names."""


def apply_args(spec: JudgeSpec, protocol: str, args: Mapping[str, str], where: str) -> JudgeSpec:
    """Replace settings of a judge.yaml by the user's arguments: `criteria=C1,C3`, `repeats=3`, `temperature=0.7`.

    Raises errors.ContentError that names the argument and what is allowed.
    """
    unknown = sorted(set(args) - OWN)
    if unknown:
        raise ContentError(f"{where}: unknown argument {unknown[0]!r}; a judge takes {', '.join(sorted(OWN))}")
    if not args:
        return spec
    judge: dict[str, object] = spec.model_dump(exclude_unset=True)
    variant: dict[str, object] = spec.protocols[protocol].model_dump(exclude_unset=True)
    generation: dict[str, object] = spec.protocols[protocol].generation.model_dump(exclude_unset=True)
    judge |= {name: args[name] for name in _JUDGE if name in args}
    variant |= {name: args[name] for name in _VARIANT if name in args}
    generation |= {name: args[name] or None for name in _GENERATION if name in args}
    # The other variants are not used now; arguments that do not fit them (`scope`, `criteria`) are not a mistake.
    strict = spec.protocols["strict"].model_dump(exclude_unset=True)
    judge["protocols"] = {"strict": strict, protocol: variant | {"generation": generation}}
    if "criteria" in args:
        judge["criteria"] = _chosen(spec, args["criteria"], where)
    try:
        return JudgeSpec.model_validate(judge)
    except ValidationError as error:
        problems = "; ".join(validation_messages(error, JudgeSpec))
        raise ContentError(f"{where} with {_written(args)}: {problems}") from None


def _chosen(spec: JudgeSpec, names: str, where: str) -> list[dict[str, object]]:
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {criterion.id: criterion for criterion in spec.criteria}
    for name in wanted:
        if name not in known:
            raise ContentError(f"{where}: unknown criterion {name!r}; the rubric declares {', '.join(known)}")
    return [criterion.model_dump() for name, criterion in known.items() if name in wanted]


def _written(args: Mapping[str, str]) -> str:
    return " ".join(f"--judge-arg {name}={value}" for name, value in sorted(args.items()))


GROUP = "sparkles_eval.judges"
"""Entry-point group of judges in other installed packages."""


class JudgeFactory(Protocol):
    """Makes a judge of a plugin (`JUDGES`) or of another package.

    `args` are the user's `--judge-arg`s, as text; `model` is the model that it may ask, where the user named one with
    `--judge NAME@MODEL`. Raises errors.UserError with the fix when it cannot be made.
    """

    def __call__(self, args: Mapping[str, str], model: Model | None) -> Judge: ...


@dataclass(frozen=True, slots=True)
class JudgeInfo:
    """One line of `sparkles-eval list judges`."""

    name: str
    title: str
    where: str
    usable: bool
    why_not: str = ""
    """The reason, with the fix, where it is not usable."""
    model: str | None = None
    """Model that it asks unless the user names another; None for a rule."""
    weakness: str = ""
    """How an answer can disturb its verdicts, where its rubric does not prevent that."""


@dataclass(frozen=True, slots=True)
class JudgeFolder:
    """A judge's folder with its checked judge.yaml."""

    path: Path
    spec: JudgeSpec
    name: str = ""
    """Name in the overlay; "" for a folder that was given by its path."""
    content: tuple[Path, ...] = ()

    def file(self, name: str) -> Path | None:
        """A file of the judge: the first one over the overlay for a named judge, else the folder's own."""
        if self.name:
            return find_file("judges", f"{self.name}/{name}", self.content)
        own = self.path / name
        return own if own.is_file() else None


def find_judge(name_or_path: str, content: Sequence[Path] = ()) -> JudgeFolder | None:
    """The judge folder of that name or path, or None where there is none. Raises errors.ContentError for a bad one."""
    if valid_name(name_or_path) and (found := find_file("judges", f"{name_or_path}/{FILE}", content)):
        spec = read_spec(found)
        if spec.name != name_or_path:
            raise ContentError(
                f"{found}: name: {spec.name!r} is not the folder's name {name_or_path!r}; make them equal"
            )
        return JudgeFolder(found.parent, spec, spec.name, tuple(content))
    path = Path(name_or_path).expanduser()
    path = path.parent if path.name == FILE else path
    return JudgeFolder(path, read_spec(path / FILE)) if path.is_dir() else None


def load_judge(
    name_or_path: str,
    *,
    protocol: str = "strict",
    adapter_model: Model | None = None,
    effective: Callable[[Generation], Generation] | None = None,
    structured: bool = False,
    args: Mapping[str, str] | None = None,
    content: Sequence[Path] = (),
    plugins: Sequence[Plugin] = (),
) -> Judge:
    """Load the judge of that name or folder, in the variant of the protocol if it has one, else in `strict`.

    `adapter_model` is the model that a rubric asks, `effective` gives the settings that its adapter really sends, and
    `structured` says whether it can follow a JSON schema. `args` are the judge's own (see `split_judge_args`).
    Raises errors.ContentError, with the fix, for a wrong folder or argument.
    """
    own = dict(args or {})
    folder = None if _factory(name_or_path, plugins) else find_judge(name_or_path, content)
    if folder is None:
        return _outside(name_or_path, content, plugins)(own, adapter_model)
    if folder.spec.kind != "rubric":
        if own:
            raise ContentError(f"judge {name_or_path}: unknown argument {min(own)!r}; a rule takes none")
        if adapter_model is not None:
            raise ContentError(f"judge {name_or_path} is a rule and asks no model; leave {adapter_model.name} out")
        return _rule(folder, protocol)
    if adapter_model is None:
        raise ContentError(f"judge {name_or_path} asks a model: name one with --judge {name_or_path}@openai/gpt-4o")
    rubric = _read(folder, protocol, own)
    wanted = rubric.variant.generation.record()
    return RubricJudge(rubric, adapter_model, effective(wanted) if effective else wanted, structured=structured)


def _read(folder: JudgeFolder, protocol: str, args: Mapping[str, str]) -> Rubric:
    """The folder's variant for a protocol, with the user's arguments applied and the template's text."""
    where = folder.path / FILE
    name = protocol if protocol in folder.spec.protocols else "strict"
    spec = apply_args(folder.spec, name, args, str(where))
    variant: VariantSpec = spec.protocols[name]
    file = folder.file(variant.prompt)
    if file is None:
        raise ContentError(f"{where}: protocols.{name}.prompt: there is no file {variant.prompt} beside it")
    return Rubric(spec, variant, read_text(file), str(file))


def _rule(folder: JudgeFolder, protocol: str) -> Judge:
    from sparkles_eval.judges.facts import make_facts_judge
    from sparkles_eval.judges.reference import make_reference_judge

    if folder.spec.kind == "facts":
        return make_facts_judge(folder.path)
    return make_reference_judge(folder.path, protocol)


def _points(name: str | None = None) -> list[EntryPoint]:
    return list(entry_points(group=GROUP, name=name) if name else entry_points(group=GROUP))


def _factory(name: str, plugins: Sequence[Plugin]) -> JudgeFactory | None:
    return next((cast("JudgeFactory", plugin.judges[name]) for plugin in plugins if name in plugin.judges), None)


def _outside(name: str, content: Sequence[Path], plugins: Sequence[Plugin]) -> JudgeFactory:
    """The factory of a plugin's or a package's judge. Raises errors.ContentError with the names that exist."""
    if own := _factory(name, plugins):
        return own
    for point in _points(name):
        try:
            return cast("JudgeFactory", point.load())
        except (ImportError, AttributeError) as error:
            raise ContentError(f"judge {name!r} of {point.value}: {error}; reinstall its package") from error
    known = [info.name for info in list_judges(content, plugins)]
    if not valid_name(name):
        raise ContentError(f"judge {name}: there is no such folder")
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ContentError(
        f"unknown judge {name!r}.{hint} Known: {', '.join(known)}; or give a folder's path, such as ./my_judge"
    )


def default_model(name_or_path: str, content: Sequence[Path] = ()) -> str | None:
    """The default model of a judge folder; None for a rule and for judges without a folder."""
    folder = find_judge(name_or_path, content)
    return folder.spec.model if folder and folder.spec.kind == "rubric" else None


def split_judge_args(
    name_or_path: str, args: Mapping[str, str], *, content: Sequence[Path] = (), plugins: Sequence[Plugin] = ()
) -> tuple[dict[str, str], dict[str, str]]:
    """Split arguments into those of the judge (with `model`) and those of the model that it asks, such as `base_url`.

    A rule asks no model, so every argument is its own; the same holds for judges of plugins and packages.
    """
    folder = None if _factory(name_or_path, plugins) else find_judge(name_or_path, content)
    if folder is None or folder.spec.kind != "rubric":
        return dict(args), {}
    own = {name: value for name, value in args.items() if name in OWN}
    return own, {name: value for name, value in args.items() if name not in OWN}


def list_judges(content: Sequence[Path] = (), plugins: Sequence[Plugin] = ()) -> list[JudgeInfo]:
    """Every judge by name, usable or not, with the reason. Imports no judge of a package."""
    found: dict[str, JudgeInfo] = {}
    for plugin in plugins:
        found |= {name: JudgeInfo(name, "", str(plugin.path), usable=True) for name in plugin.judges}
    for place in overlay("judges", content):
        for path in sorted(place.iterdir()):
            if (path / FILE).is_file() and valid_name(path.name) and path.name not in found:
                found[path.name] = _info(path, content)
    for point in _points():
        found.setdefault(point.name, JudgeInfo(point.name, "", f"package {point.value}", usable=True))
    return sorted(found.values(), key=lambda info: info.name)


def _info(path: Path, content: Sequence[Path]) -> JudgeInfo:
    try:
        folder = find_judge(path.name, content)
        assert folder is not None
        weak = [
            name
            for name in folder.spec.protocols
            if CANARY not in names_used((rubric := _read(folder, name, {})).source, rubric.where)
        ]
    except UserError as error:
        return JudgeInfo(path.name, "", str(path), usable=False, why_not=str(error))
    return JudgeInfo(
        path.name, folder.spec.title, str(path), usable=True, model=folder.spec.model, weakness=_weakness(weak)
    )


def _weakness(protocols: Sequence[str]) -> str:
    """The warning for rubrics that print no canary; "" where all do."""
    if not protocols:
        return ""
    which = "its rubric prints" if "strict" in protocols else f"under {', '.join(protocols)} it prints"
    return f"{which} no canary: weaker against answers that hold ratings"
