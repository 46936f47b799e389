"""The annotator's pages: one item at a time, save, skip, undo. Knows nothing of what is rated."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sparkles_eval.errors import UserError
from sparkles_eval.viewer.frame import Frame
from sparkles_eval.viewer.sitting import Sitting
from sparkles_eval.viewer.web import base

_FIELDS = 400
"""Of one form."""


@dataclass(frozen=True, slots=True)
class RatePages:
    """Pages of one sitting."""

    sitting: Sitting
    frame: Frame

    def start(self, request: Request) -> Response:
        """To where the person stopped."""
        return self._to(request, self.sitting.resume())

    def show(self, request: Request) -> Response:
        """One item."""
        position = self._position(request)
        done, total = self.sitting.done(), self.sitting.total
        return self.frame.page(
            request,
            self.sitting.template,
            title=f"{position} of {total}",
            task=self.sitting.task,
            rate=True,
            position=position,
            total=total,
            done=len(done),
            rated=position in done,
            skip=self.sitting.after(position),
            item=self.sitting.item(position),
        )

    async def save(self, request: Request) -> Response:
        """Keep what was rated, and on to the next."""
        position = self._position(request)
        try:
            body = (await request.body()).decode("utf-8")
            form = dict(parse_qsl(body, keep_blank_values=True, max_num_fields=_FIELDS))
        except ValueError:
            raise UserError("the form cannot be read; load the page anew") from None
        await run_in_threadpool(self.sitting.save, position, form)
        return self._to(request, await run_in_threadpool(self.sitting.after, position))

    def undo(self, request: Request) -> Response:
        """Take the latest back and show it again."""
        position = self.sitting.undo()
        return self._to(request, position if position is not None else self.sitting.resume())

    def done(self, request: Request) -> Response:
        """All is rated."""
        done, total = len(self.sitting.done()), self.sitting.total
        task = self.sitting.task
        return self.frame.page(request, "rated.html.j2", title="Done", task=task, done=done, total=total, rate=True)

    def _position(self, request: Request) -> int:
        text = request.path_params["position"]
        if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= self.sitting.total):
            raise HTTPException(404)
        return int(text)

    def _to(self, request: Request, position: int | None) -> Response:
        address = f"{base(request)}/{f'item/{position}' if position is not None else 'done'}"
        return RedirectResponse(address, 303)
