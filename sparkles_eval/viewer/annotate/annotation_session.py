"""An annotation session: one person's items in an order of their own, with the way back, and its pages."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sparkles_eval.analysis.humans.annotation_sampling import ShownTurn, shown_turns
from sparkles_eval.core import JSON, fingerprint
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.text import visible
from sparkles_eval.store import read_samples
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.connection_pool import ConnectionPool
from sparkles_eval.viewer.templates import PageTemplates
from sparkles_eval.viewer.web_server import base

LONGEST = 100_000
"""Characters of an answer that a person is shown; nobody rates more."""


@dataclass(frozen=True, slots=True)
class AnnotationItem:
    """One question and answer, made visible; `images` are (name, hash of the bytes)."""

    number: int
    question: str
    images: tuple[tuple[str, str], ...]
    answer: str
    cut: bool


class AnnotationSession(ABC):
    """One person at work. Positions count from 1, in an order of this person's own, and reveal nothing of a model.

    Several browser tabs may share one: every method may be called from any thread.
    """

    template: str
    """The template of an item's page, in `reports/view`."""

    def __init__(self, pool: ConnectionPool, rater: str, task: str) -> None:
        self.pool = pool
        self.rater = rater
        self.task = task
        self.lock = threading.RLock()

    @property
    @abstractmethod
    def total(self) -> int:
        """How many items there are."""

    @abstractmethod
    def done(self) -> frozenset[int]:
        """Positions that have been rated, whenever that was."""

    @abstractmethod
    def latest(self) -> int | None:
        """The position that was rated last."""

    @abstractmethod
    def item(self, position: int) -> Mapping[str, object]:
        """What the template shows of an item."""

    @abstractmethod
    def save(self, position: int, form: Mapping[str, str], seen: str | None = None) -> None:
        """Commit what was rated. Raises errors.UserError for a form that is not ours, or is empty.

        `seen` is the revision that the page showed (see `revision`): where the item was rated otherwise since, by
        another tab, errors.UserError is raised and what stands there stays. None replaces it whatever it is.
        """

    @abstractmethod
    def undo(self) -> int | None:
        """Take the latest rating back and give its position; None where nothing is rated."""

    def after(self, position: int) -> int | None:
        """The next position that is not rated, going round at the end; `position` itself only if it alone is left."""
        done = self.done()
        order = [*range(position + 1, self.total + 1), *range(1, position + 1)]
        return next((place for place in order if place not in done), None)

    def resume(self) -> int | None:
        """Where to go on: behind what was rated last. None where all is done."""
        return self.after(self.latest() or 0)

    def write(self) -> Store:
        """The store, open for writing: for one commit. Raises StoreMoved where its file is not the one of before."""
        self.pool.check_in_place()
        return Store(self.pool.path, create=False)


def revision(given: Sequence[JSON] = ()) -> str:
    """Twelve hex digits that stand for what is stored of an item; without arguments: that nothing is."""
    return fingerprint([list(given)], 12)


def check_seen(seen: str | None, stored: str, fresh: str) -> None:
    """Raise errors.UserError where the revision that a page showed is not the stored one, unless both say the same."""
    if seen not in (None, stored) and fresh != stored:
        raise UserError(
            "another tab or window has changed the rating of this answer since this page was opened, and that rating "
            "was kept; load the page anew to see it, and change it there"
        )


def annotation_item(store: Store, run_id: str, sample_id: str, epoch: int) -> tuple[AnnotationItem, ...]:
    """An answered sample as a person reads it. No model's name is in it, unless the model itself says one."""
    (stored,) = read_samples.samples(store, run_id, limit=1, only=[sample_id])
    given = read_samples.answers(store, [run_id], [sample_id], cut=LONGEST)
    texts = {answer.turn: answer for answer in given if answer.epoch == epoch}
    turns = shown_turns(stored, {turn: answer.text for turn, answer in texts.items()})
    return tuple(_shown(number, turn, cut=texts[number].length > LONGEST) for number, turn in enumerate(turns, 1))


def _shown(number: int, turn: ShownTurn, *, cut: bool) -> AnnotationItem:
    images = tuple((visible(name), image.sha256) for name, image in turn.images)
    return AnnotationItem(number, visible(turn.question), images, visible(turn.answer), cut)


def position_of(codes: Sequence[str], code: str) -> int | None:
    """The position of a code, from 1."""
    return codes.index(code) + 1 if code in codes else None


_FIELDS = 400
"""Of one form."""


@dataclass(frozen=True, slots=True)
class SessionPages:
    """Pages of one annotation session."""

    session: AnnotationSession
    frame: PageTemplates

    def start(self, request: Request) -> Response:
        """To where the person stopped."""
        return self._to(request, self.session.resume())

    def show(self, request: Request) -> Response:
        """One item."""
        position = self._position(request)
        done, total = self.session.done(), self.session.total
        return self.frame.page(
            request,
            self.session.template,
            title=f"{position} of {total}",
            task=self.session.task,
            rate=True,
            position=position,
            total=total,
            done=len(done),
            rated=position in done,
            skip=self.session.after(position),
            item=self.session.item(position),
        )

    async def save(self, request: Request) -> Response:
        """Keep what was rated, and on to the next."""
        position = self._position(request)
        try:
            body = (await request.body()).decode("utf-8")
            form = dict(parse_qsl(body, keep_blank_values=True, max_num_fields=_FIELDS))
        except ValueError:
            raise UserError("the form cannot be read; load the page anew") from None
        # A form that does not say what its page showed can rate what is not rated, and change nothing.
        seen = form.pop("revision", revision())
        await run_in_threadpool(self.session.save, position, form, seen)
        return self._to(request, await run_in_threadpool(self.session.after, position))

    def undo(self, request: Request) -> Response:
        """Take the latest back and show it again."""
        position = self.session.undo()
        return self._to(request, position if position is not None else self.session.resume())

    def done(self, request: Request) -> Response:
        """All is rated."""
        done, total = len(self.session.done()), self.session.total
        task = self.session.task
        return self.frame.page(request, "rated.html.j2", title="Done", task=task, done=done, total=total, rate=True)

    def _position(self, request: Request) -> int:
        text = request.path_params["position"]
        if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= self.session.total):
            raise HTTPException(404)
        return int(text)

    def _to(self, request: Request, position: int | None) -> Response:
        address = f"{base(request)}/{f'item/{position}' if position is not None else 'done'}"
        return RedirectResponse(address, 303)
