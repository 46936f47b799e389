"""Configuration files of runs: YAML with a key for each option, and models, tasks and judges with their own arguments.

    tasks: [bison-mini, {task: ./my_task, args: {n: 20}}]
    models:
      - baseline/chance
      - model: openai/qwen2.5-vl-7b
        args: {base_url: http://localhost:8000/v1}
        generation: {temperature: 0.2}
    judges: [facts]
    limit: 20

A file holds what a command line could say: the same keys, types and bounds, read from the same records. A path in it is
relative to the working directory, as on the command line.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any, Final, get_args, get_origin

import yaml
from pydantic import TypeAdapter, ValidationError

from sparkles_eval.core.config_options import DEFAULT_STORE, StorePath
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.option_fields import OptionField, option_fields
from sparkles_eval.core.suggestions import did_you_mean
from sparkles_eval.engine.config import RunConfig, RunLimits
from sparkles_eval.tasks.validation import read_mapping

ENTRIES: Final[Mapping[str, Mapping[str, str]]] = {
    "task": {"args": "task_arg"},
    "model": {"args": "model_arg", "generation": "generation"},
    "judge": {"args": "judge_arg"},
}
"""Lists whose entries may be `{model: NAME, args: {…}}`: option -> key in the entry -> option of its pairs."""
PAIRS: Final = frozenset(key for inner in ENTRIES.values() for key in inner.values())
"""Options that are `[WHO:]NAME=VALUE` pairs."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a file says: values by `OptionField.key`, and pairs of single models, tasks and judges with their owner."""

    values: Mapping[str, Any] = field(default_factory=dict)
    owned: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    """Key of an option of pairs -> (owner, "NAME=VALUE")."""

    def under(self, values: Mapping[str, Any], given: frozenset[str] | set[str]) -> dict[str, Any]:
        """`values` with the file's, except for the keys in `given`. Pairs of both count, the given ones last.

        Pairs of a model that is not among the models after all are left out: `-m` replaces the file's models. So are
        those whose name is given for every model: the command line goes over the file.
        """
        merged = dict(values)
        for key, value in self.values.items():
            if key not in given:
                merged[key] = value
            elif key in PAIRS:
                merged[key] = (*value, *values[key])
        for key, inner in ENTRIES.items():
            for pairs in inner.values():
                said = _unqualified(values[pairs]) if pairs in given else frozenset()
                own = [
                    f"{who}:{pair}"
                    for who, pair in self.owned.get(pairs, ())
                    if who in (merged.get(key) or ()) and pair.partition("=")[0] not in said
                ]
                if own:
                    merged[pairs] = (*own, *(merged.get(pairs) or ()))
        return merged


def _unqualified(pairs: Sequence[str] | None) -> frozenset[str]:
    """Names of the pairs that are for every model, task or judge."""
    names = (pair.partition("=")[0] for pair in pairs or ())
    return frozenset(name for name in names if ":" not in name)


# --- reading --------------------------------------------------------------------------------------------------------


def read_config(path: Path | None, fields: Sequence[OptionField], settings: Sequence[str] = ()) -> ConfigFile:
    """Read a file (none: nothing but `settings`), with `settings` ("KEY=VALUE", "models.0.args.seed=1") over it.

    `fields` are the options that it may set. Raises errors.UserError that names the file, the key and the fix.
    """
    where = str(path) if path is not None else "--set"
    raw: dict[Any, Any] = read_mapping(path, [one.file_key for one in fields]) if path is not None else {}
    for setting in settings:
        _set(raw, setting)
    return read_options(raw, fields, where)


def read_options(raw: Mapping[Any, Any], fields: Sequence[OptionField], where: str) -> ConfigFile:
    """What a file's mapping says; `where` names the file in messages. Raises errors.UserError as `read_config`."""
    known = {one.file_key: one for one in fields}
    spellings = known | {one.option_name: one for one in fields}
    values: dict[str, Any] = {}
    owned: dict[str, list[tuple[str, str]]] = {}
    for name, value in raw.items():
        one = spellings.get(str(name).replace("-", "_"))
        if one is None:
            raise UserError(f"{where}: unknown key {str(name)!r}{did_you_mean(str(name), known)}; there are "
                            f"{', '.join(known)}")  # fmt: skip
        if one.key in values:
            raise UserError(f"{where}: {one.file_key} is given twice, as {one.file_key} and {one.option_name}")
        place = f"{where}: {name}"
        if one.key in ENTRIES:
            names, pairs = _entries(value, one.key, place)
            values[one.key] = one.from_option(names)
            for key, found in pairs.items():
                owned.setdefault(key, []).extend(found)
        elif one.key in PAIRS:
            values[one.key] = tuple(_pairs(value, place))
        elif value is not None:
            values[one.key] = one.from_option(_checked(one, value, place))
    return ConfigFile(values, owned)


def _set(raw: dict[Any, Any], setting: str) -> None:
    """Put one `--set` into what was read. Raises errors.UserError where there is no such place."""
    path, equals, text = setting.partition("=")
    steps = path.strip().split(".")
    if not equals or not all(steps):
        raise UserError(f"--set {setting}: write --set KEY=VALUE, such as limit=20 or models.0.args.seed=1")
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"--set {setting}: the value is not readable as YAML: {error}") from None
    place: Any = raw
    for at, step in enumerate(steps):
        last = at == len(steps) - 1
        if isinstance(place, list):
            if not step.isdecimal() or int(step) >= len(place):
                raise UserError(f"--set {setting}: {'.'.join(steps[:at])} has entries 0 to {len(place) - 1}")
            if not last and isinstance(place[int(step)], str):  # `- openai/x` becomes an entry that can hold more
                place[int(step)] = {steps[at - 1].removesuffix("s"): place[int(step)]}
            index: Any = int(step)
        elif isinstance(place, dict):
            index = step
            if not last:
                place.setdefault(index, {})
        else:
            raise UserError(f"--set {setting}: {'.'.join(steps[:at])} is {place!r}, which holds no {step}")
        if last:
            place[index] = value
        else:
            place = place[index]


def _entries(value: object, key: str, place: str) -> tuple[list[str], dict[str, list[tuple[str, str]]]]:
    """Names of a list, and the pairs that its entries hold."""
    names: list[str] = []
    pairs: dict[str, list[tuple[str, str]]] = {}
    for number, entry in enumerate(value if isinstance(value, list) else [value]):
        at = f"{place}.{number}" if isinstance(value, list) else place
        if isinstance(entry, str):
            names.append(entry)
            continue
        allowed = [key, *ENTRIES[key]]
        if not isinstance(entry, dict) or not isinstance(entry.get(key), str):
            raise UserError(f"{at}: write a name, or {{{key}: NAME, {': {…}, '.join(ENTRIES[key])}: {{…}}}}")
        unknown = [name for name in entry if name not in allowed]
        if unknown:
            hint = did_you_mean(str(unknown[0]), allowed)
            raise UserError(f"{at}: unknown key {str(unknown[0])!r}{hint}; there are {', '.join(allowed)}")
        if entry[key] in names:
            raise UserError(f"{at}: {entry[key]} is listed twice; a run asks it once, another file with other settings")
        names.append(entry[key])
        for inner, option in ENTRIES[key].items():
            found = [(entry[key], pair) for pair in _pairs(entry.get(inner), f"{at}.{inner}")]
            pairs.setdefault(option, []).extend(found)
    return names, pairs


def _pairs(value: object, place: str) -> Iterator[str]:
    """ "NAME=VALUE" for each of named values; a list of such texts stays as it is."""
    if value is None:
        return
    if isinstance(value, list) and all(isinstance(pair, str) for pair in value):
        yield from value
        return
    if not isinstance(value, dict):
        raise UserError(f"{place}: write named values, such as {{seed: 1}}, not {value!r}")
    for name, one in value.items():
        if isinstance(one, dict | list):
            yield f"{name}={json.dumps(one)}"
        else:
            yield f"{name}={_scalar(one)}"


def _scalar(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _checked(one: OptionField, value: object, place: str) -> Any:
    """The option's value, of its type and within its bounds. Raises errors.UserError with the key."""
    kind: Any = one.option.given or one.kind
    if get_origin(kind) is tuple:
        value = [_as_text(item, get_args(kind)[0]) for item in (value if isinstance(value, list) else [value])]
    else:
        value = _as_text(value, kind)
    try:
        read = TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UserError(f"{place}: {value!r}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None
    low, high = one.option.low, one.option.high
    for number in read if isinstance(read, tuple) else (read,):
        if not isinstance(number, int | float) or isinstance(number, bool):
            continue
        if (low is not None and number < low) or (high is not None and number > high):
            ends = f"at least {low:g}" if high is None else f"between {low or 0:g} and {high:g}"
            raise UserError(f"{place}: {number:g}: it must be {ends}")
    return read


def _as_text(value: object, kind: object) -> object:
    """A bare number as text where text is wanted: people write ids so."""
    wants_text = kind is str or str in get_args(kind)
    return _scalar(value) if wants_text and isinstance(value, int | float) else value


# --- writing --------------------------------------------------------------------------------------------------------


def config_text(values: Mapping[str, Any], fields: Sequence[OptionField]) -> str:
    """A file with all options that are not at their defaults. `values` are fields' values by `OptionField.key`."""
    said = {one.key: values[one.key] for one in fields if one.key in values and _differs(values[one.key], one.default)}
    owners = {key: list(said.get(key, ())) for key in ENTRIES}
    entries = {key: {name: {key: name} for name in names} for key, names in owners.items()}
    raw: dict[str, Any] = {}
    by_key = {one.key: one for one in fields}
    for key, inner in ENTRIES.items():
        for place, pairs in inner.items():
            rest: dict[str, str] = {}
            for pair in said.pop(pairs, ()):
                owner = max((name for name in owners[key] if pair.startswith(f"{name}:")), key=len, default=None)
                name, _, text = pair[len(owner) + 1 if owner else 0 :].partition("=")
                target: Any = rest if owner is None else entries[key][owner].setdefault(place, {})
                target[name] = text
            if rest:
                raw[by_key[pairs].file_key] = rest
    lists = {
        by_key[key].file_key: [entry if len(entry) > 1 else entry[key] for entry in entries[key].values()]
        for key in ENTRIES
        if owners[key]
    }
    others = {by_key[key].file_key: _plain(by_key[key].to_option(value)) for key, value in said.items()
              if key not in ENTRIES}  # fmt: skip
    text = yaml.safe_dump(lists | raw | others, sort_keys=False, allow_unicode=True, width=100)
    return f"# sparkles-eval run --config FILE\n{text}"


def _differs(value: object, default: object) -> bool:
    return value is not MISSING and value != default


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def command_of(values: Mapping[str, Any], fields: Sequence[OptionField]) -> list[str]:
    """The command line that says the same: what a store keeps of a run that was started in another way."""
    words = ["sparkles-eval", "run"]
    for one in fields:
        value = values.get(one.key, MISSING)
        if not _differs(value, one.default):
            continue
        said = _plain(one.to_option(value))
        if isinstance(said, bool):
            flag = one.names[0].split("/")
            words += flag[:1] if said else flag[1:]
        else:
            for text in said if isinstance(said, list) else [said]:
                words += [one.names[0], str(text)]
    return words


def config_of_command(command: str) -> str | None:
    """The file that repeats a `run` command which a store keeps; None where it is no such command."""
    try:
        _, verb, *words = shlex.split(command)
    except ValueError:
        return None
    if verb != "run" or any(word.split("=")[0] in ("--config", "--set") for word in words):
        return None
    fields = run_fields()
    by_name = {name: one for one in fields for said in one.names for name in said.split("/")}
    values: dict[str, Any] = {}
    at = 0
    while at < len(words):
        name, equals, text = words[at].partition("=")
        at += 1
        if not name.startswith("--") and len(name) > 2 and name[:2] in by_name:  # -tbison
            name, equals, text = name[:2], "=", words[at - 1][2:]
        one = by_name.get(name)
        flag = one is not None and one.kind is bool
        if not flag and not equals and at < len(words) and not words[at].startswith("--"):
            text, at = words[at], at + 1
        if one is not None:
            said = name == one.names[0].partition("/")[0] if flag else text
            values.setdefault(one.key, []).append(said)
    try:
        read = {key: _of_words(one, values[key]) for one in fields if (key := one.key) in values}
    except UserError:
        return None
    return config_text(read, fields) if read.get("task") and read.get("model") else None


def _of_words(one: OptionField, said: list[Any]) -> Any:
    value = said if one.is_list else said[-1]
    return tuple(said) if one.option.read is not None and one.key == "plugin" else one.from_option(
        _checked(one, value, one.names[0])
    )  # fmt: skip


def run_fields() -> list[OptionField]:
    """The options of a run that change what is asked or stored: those of its records, and the store."""
    option = get_args(StorePath)[1]
    return [*option_fields(RunConfig), *option_fields(RunLimits), OptionField("store", Path, option, DEFAULT_STORE)]
