"""Decides whether stored answers of a model may be used at the address where it is asked now.

An address is no part of who a model is, so that a server may move. That other server may serve another model under
the same name: its answers are never taken for those in the store, unless it shows that it is the same, or the user
says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sparkles_eval.adapters.base import Adapter, AddressedAdapter, Request
from sparkles_eval.adapters.remote.endpoints import spellings
from sparkles_eval.core import Conversation, Generation, Message, Model, Reply, Sample, Text, Turn
from sparkles_eval.core.errors import AdapterError, UserError
from sparkles_eval.engine.jobs import BoundJudge, EvalJob
from sparkles_eval.engine.prepare import RunPlan
from sparkles_eval.judges.panel import JudgePanel
from sparkles_eval.store.served_models import (
    ENDPOINT,
    AskedAs,
    ServedModel,
    add_addresses,
    add_evidence,
    addressed_models,
    has_judge,
    has_model,
    known_addresses,
)
from sparkles_eval.store.store import Store

_NOTHING_SAID = frozenset({"fp_ollama"})
"""Fingerprints that are the same whatever is served."""
_OPTIONS: dict[AskedAs, str] = {"model": "--model-arg", "judge": "--judge-arg"}


# --- as a store of before knows them -------------------------------------------------------------------


def as_stored(jobs: Sequence[EvalJob], store: Store) -> tuple[EvalJob, ...]:
    """The jobs with models and judges as an older store identifies them, whose identities held the address.

    Their runs, requests and verdicts then go on under their own ids.
    """
    for adapter in {id(job.adapter): job.adapter for job in jobs}.values():
        identify(adapter, store)
    return tuple(replace(job, bound_judges=judges_as_stored(job.bound_judges, store)) for job in jobs)


def stored_plan(plan: RunPlan, store: Store) -> RunPlan:
    """A plan with its jobs and panels `as_stored`."""
    jobs = as_stored(plan.jobs, store)
    made, stored = ([bound for job in all_jobs for bound in job.bound_judges] for all_jobs in (plan.jobs, jobs))
    return replace(plan, jobs=jobs, panels=panels_as_stored(plan.panels, made, stored))


def identify(adapter: Adapter, store: Store) -> None:
    """The model under the identity that the store knows, where an older store has the address in it."""
    if isinstance(adapter, AddressedAdapter) and not has_model(store, adapter.model.identity):
        for model in models_before(adapter, store)[:1]:
            adapter.identify(model)


def models_before(adapter: Adapter, store: Store) -> list[Model]:
    """The model as an older store knows it: at the addresses where it is asked now, else at any with `same_model`.

    Where a store has its present identity as well, stored replies are looked up under that first, then under these.
    """
    if not isinstance(adapter, AddressedAdapter) or ENDPOINT in adapter.model.settings:
        return []
    before = addressed_models(store, adapter.model)
    here = {spelled for endpoint in adapter.endpoints for spelled in spellings(endpoint.address)}
    at_home = [known for known in before if known.settings[ENDPOINT] in here]
    return at_home or (before if adapter.same_model else [])


def judges_as_stored(bound_judges: Sequence[BoundJudge], store: Store) -> tuple[BoundJudge, ...]:
    """See `as_stored`. The judge of an address that is not asked now cannot be found by its id."""
    return tuple(_judge_as_stored(bound, store) for bound in bound_judges)


def _judge_as_stored(bound: BoundJudge, store: Store) -> BoundJudge:
    adapter, make = bound.adapter, bound.for_model
    if make is None or not isinstance(adapter, AddressedAdapter) or ENDPOINT in adapter.model.settings:
        return bound
    if has_judge(store, bound.judge.card.fingerprint) or not _same_name(store, bound):
        return bound
    for endpoint in adapter.endpoints:
        for address in spellings(endpoint.address):
            model = replace(adapter.model, settings={**adapter.model.settings, ENDPOINT: address})
            judge = make(model)
            if has_judge(store, judge.card.fingerprint):
                adapter.identify(model)
                return replace(bound, judge=judge)
    return bound


def _same_name(store: Store, bound: BoundJudge) -> bool:
    card = bound.judge.card
    found = store.connection.execute(
        "SELECT 1 FROM judges WHERE name = ? AND model = ? LIMIT 1", (card.name, card.model)
    )
    return found.fetchone() is not None


def panels_as_stored(
    panels: Sequence[JudgePanel], made: Sequence[BoundJudge], stored: Sequence[BoundJudge]
) -> tuple[JudgePanel, ...]:
    """The panels of judges that `as_stored` has changed from `made` to `stored`."""
    cards = {old.judge.card.fingerprint: new.judge.card for old, new in zip(made, stored, strict=True)}
    return tuple(
        replace(panel, cards=tuple(cards.get(card.fingerprint, card) for card in panel.cards)) for panel in panels
    )


# --- at another address --------------------------------------------------------------------------------


async def check_addresses(models: Sequence[Adapter], judges: Sequence[Adapter], store: Store) -> None:
    """Check that every address may use the answers that the store holds of its model from other addresses.

    Nothing is asked where nothing could show it, and one short question where it could. Raises errors.UserError with
    the user's choice.
    """
    roles: tuple[tuple[AskedAs, Sequence[Adapter]], ...] = (("model", models), ("judge", judges))
    for role, adapters in roles:
        for adapter in {id(adapter): adapter for adapter in adapters}.values():
            if isinstance(adapter, AddressedAdapter) and adapter.model.settings.get(ENDPOINT) != adapter.address:
                await _check(adapter, role, store)


async def _check(adapter: AddressedAdapter, role: AskedAs, store: Store) -> None:
    if not adapter.same_model and len(adapter.endpoints) > 1:
        await _check_pool(adapter, role)
    known = _known(adapter.model, role, store)
    places = {spelled for one in known for spelled in spellings(one.address)}
    strange = [endpoint for endpoint in adapter.endpoints if endpoint.address not in places]
    if not known or not strange:
        return
    # Named together with a known address, a new one is the same model by the user's word.
    together = len(strange) < len(adapter.endpoints)
    if not adapter.same_model and not together:
        for endpoint in strange:
            if why := await _difference(endpoint, known):
                raise UserError(_choice(adapter.model, endpoint.address, known, why, role))
    add_addresses(store, adapter.model.identity, role, [endpoint.address for endpoint in strange])


async def _check_pool(adapter: AddressedAdapter, role: AskedAs) -> None:
    """Raise errors.UserError where the servers of a pool list different models; one that lists none shows nothing."""
    servers = adapter.endpoints
    listings = await asyncio.gather(*(server.listing() for server in servers))
    listed = {listing: server.address for listing, server in zip(listings, servers, strict=True) if listing}
    if len(listed) > 1:
        option = _OPTIONS[role]
        raise UserError(
            f"{adapter.model.name}: {' and '.join(listed.values())} list different models under this name; "
            f"{option} same_model=true if they are the same, else give each its own {option} label=NAME"
        )


def _known(model: Model, role: AskedAs, store: Store) -> list[ServedModel]:
    found = known_addresses(store, model.identity, role)
    if ENDPOINT in model.settings:
        return [*found, ServedModel(model.settings[ENDPOINT])]
    if role == "model" and not found:
        return [ServedModel(before.settings[ENDPOINT]) for before in addressed_models(store, model)]
    return found


async def _difference(endpoint: AddressedAdapter, known: Sequence[ServedModel]) -> str:
    """Why an address cannot be taken for one of those, or ""."""
    proofs = [one.evidence for one in known]
    proven = {proof for proof in proofs if proof is not None}
    if not proven:
        return "the store holds no fingerprint and no entry of the list of models to compare with"
    listing = await endpoint.listing()
    if listing is None:
        return "its server lists no such model"
    if listing not in {proof[2] for proof in proven}:
        return "its server lists another model under this name"
    try:
        reply = await endpoint.answer(_short_question(endpoint))
    except AdapterError as error:
        return f"it could not be compared ({error})"
    said = served_model(endpoint, reply, listing)
    if said.evidence is None:
        return "its replies name no fingerprint"
    return "" if said.evidence in proven else "its replies name another model or fingerprint"


def _short_question(endpoint: AddressedAdapter) -> Request:
    words = (Text("Answer with one word: yes."),)
    generation = replace(endpoint.effective(Generation()), max_tokens=16, reasoning_budget=None)
    return Request(Conversation((Message("user", words),)), generation, Sample("address", (Turn(words),)), 1)


def _choice(model: Model, address: str, known: Sequence[ServedModel], why: str, role: AskedAs) -> str:
    option = _OPTIONS[role]
    held = "answers" if role == "model" else "verdicts"
    places = ", ".join(dict.fromkeys(one.address for one in known))
    return (
        f"{model.name}: the store holds {held} of it from {places}, and {address} may serve another model: {why}. "
        f"{option} same_model=true if it is the same; {option} label=NAME keeps it apart as a model of its own"
    )


def served_model(endpoint: AddressedAdapter, reply: Reply, listing: str | None) -> ServedModel:
    """What a reply and the server's list of models say about the model at an address."""
    named = reply.fingerprint
    if named in _NOTHING_SAID or named == endpoint.model.model_id:
        named = None
    return ServedModel(endpoint.address, reply.model_version, named, listing)


class AddressRecorder:
    """Records where a session's models have answered, and what their servers say of themselves."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tasks: set[asyncio.Task[None]] = set()

    def listener(self, adapter: Adapter, endpoint: Adapter, role: AskedAs) -> Callable[[Reply], None]:
        """The callback for the first reply of one of an adapter's addresses."""
        if not isinstance(adapter, AddressedAdapter) or not isinstance(endpoint, AddressedAdapter):
            return lambda _: None
        if adapter.model.settings.get(ENDPOINT) == adapter.address:
            return lambda _: None

        def replied(reply: Reply) -> None:
            identity = adapter.model.identity
            # All of them: who names several addresses says that they serve one model.
            add_addresses(self._store, identity, role, [one.address for one in adapter.endpoints])
            task = asyncio.create_task(self._record(endpoint, reply, identity, role))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return replied

    async def _record(self, endpoint: AddressedAdapter, reply: Reply, identity: str, role: AskedAs) -> None:
        found = known_addresses(self._store, identity, role)
        if any(one.address == endpoint.address and one.evidence is not None for one in found):
            return
        add_evidence(self._store, identity, role, served_model(endpoint, reply, await endpoint.listing()))

    async def finish(self) -> None:
        """Wait for what is still being recorded."""
        await asyncio.gather(*self._tasks)


def judge_adapters(bound_judges: Sequence[BoundJudge]) -> Iterator[Adapter]:
    """The adapters of the judges that ask a model."""
    return (bound.adapter for bound in bound_judges if bound.adapter is not None)
