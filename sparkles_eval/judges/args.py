"""Puts the user's `--judge-arg`s over what judge.yaml says, and checks the whole again. Knows no model and no file."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from sparkles_eval.errors import ContentError
from sparkles_eval.judges.spec import JudgeSpec
from sparkles_eval.tasks.strict import complaints

_JUDGE = ("repeats", "scope", "overall")
_VARIANT = ("attempts", "structured")
_GENERATION = ("temperature", "top_p", "top_k", "max_tokens", "seed")
OWN = frozenset({"model", "criteria", *_JUDGE, *_VARIANT, *_GENERATION})
"""Arguments of a rubric judge itself; all others belong to the model that it asks. `model` names that model."""


def apply_args(spec: JudgeSpec, protocol: str, args: Mapping[str, str], where: str) -> JudgeSpec:
    """judge.yaml with the arguments in the place of what it says: `criteria=C1,C3`, `repeats=3`, `temperature=0.7`.

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
    # The other variants are not asked now; what they could not hold to (`scope`, `criteria`) is no mistake.
    strict = spec.protocols["strict"].model_dump(exclude_unset=True)
    judge["protocols"] = {"strict": strict, protocol: variant | {"generation": generation}}
    if "criteria" in args:
        judge["criteria"] = _chosen(spec, args["criteria"], where)
    try:
        return JudgeSpec.model_validate(judge)
    except ValidationError as error:
        told = "; ".join(complaints(error, JudgeSpec))
        raise ContentError(f"{where} with {_written(args)}: {told}") from None


def _chosen(spec: JudgeSpec, names: str, where: str) -> list[dict[str, object]]:
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {criterion.id: criterion for criterion in spec.criteria}
    for name in wanted:
        if name not in known:
            raise ContentError(f"{where}: unknown criterion {name!r}; the rubric declares {', '.join(known)}")
    return [criterion.model_dump() for name, criterion in known.items() if name in wanted]


def _written(args: Mapping[str, str]) -> str:
    return " ".join(f"--judge-arg {name}={value}" for name, value in sorted(args.items()))
