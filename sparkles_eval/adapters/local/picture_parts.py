"""Prepares every picture once for a checkpoint, whatever prompts show it, and several ahead of the model.

A processor hands the pictures of a prompt to its image processor and reads from the result how many tokens each has.
`PictureParts` stands in the image processor's place: it prepares each picture alone, keeps what came out, and puts the
parts of a prompt together as the image processor itself would. How parts are put together is learned from the first
prompts, which are prepared both ways; where the two differ, pictures are no longer taken apart.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np
import PIL.Image
import torch
from transformers import BatchFeature

from sparkles_eval.adapters.local.base import open_picture
from sparkles_eval.adapters.local.bounded_cache import BoundedCache
from sparkles_eval.core import Image

PicturePart: TypeAlias = Mapping[str, Any]
"""What an image processor gives for one picture."""

PIXEL_BYTES = 2**29
"""Of prepared pictures that are kept in memory."""
_SHAPE_BYTES = 2**26
"""Of what is kept of prepared pictures besides their pixels."""
_MARK = "sparkles_eval.image"
_LEARNED = 3
"""Prompts of several pictures that are prepared both ways."""
_LARGE = 4096
"""Numbers of a tensor from which on it holds pixels, and is not copied to be put together."""
_AHEAD = 4
"""Threads that prepare pictures at the most; the pictures that wait for them are one batch's."""


class NotApart(Exception):
    """The parts of a prompt's pictures cannot be put together: the processor must see the pictures themselves."""


class PictureParts:
    """An image processor that keeps what it made of each picture. Every other attribute is the real one's."""

    def __init__(self, real: Any, limit: int = PIXEL_BYTES) -> None:
        self._real = real
        self._pixels: BoundedCache[PicturePart] = BoundedCache(limit, _bytes_of)
        self._shapes: BoundedCache[PicturePart] = BoundedCache(_SHAPE_BYTES, _bytes_of)
        self._joins: dict[str, _Join] = {}
        self._learned = 0
        self._how: tuple[bool, dict[str, Any]] | None = None
        self._shown: Mapping[str, Image] = {}
        self._guard = threading.Lock()
        self._pending: dict[str, Future[PicturePart]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self.turn = threading.Lock()
        """Held from `marks` to the end of the processor's call, which copies of a model share."""
        self.apart = True
        """False once pictures of one prompt have proved not to be separable."""
        self.prepared = 0
        """Pictures that were prepared, each time counted."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._real, name)

    def marks(self, images: Sequence[Image]) -> list[PIL.Image.Image]:
        """Small stand-ins for the pictures of a prompt, for the processor to hand on to this object."""
        self._shown = {image.sha256: image for image in images}
        return [_marked(image.sha256) for image in images]

    def __call__(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        flat = list(_flat(images))
        marks = [str(getattr(picture, "info", {}).get(_MARK, "")) for picture in flat]
        if not all(marks):
            self.prepared += len(flat)
            return self._real(images, *args, **kwargs)
        self._how = isinstance(images[0], (list, tuple)), kwargs
        shown = [self._shown[mark] for mark in marks]
        if len(shown) > 1 and self._learned < _LEARNED:
            self._learn(shown)
        parts = [self._shapes.get(image.sha256) or _shape_of(self.pixels(image)) for image in shown]
        if len(parts) == 1:
            return BatchFeature(dict(parts[0]))
        return BatchFeature({key: join([part[key] for part in parts], False) for key, join in self._joins.items()})

    def pixels(self, image: Image) -> PicturePart:
        """What the image processor makes of a picture. Raises errors.Rejected where it cannot be read."""
        found = self._pixels.get(image.sha256)
        if found is not None:
            return found
        with self._guard:
            coming = self._pending.pop(image.sha256, None)
        if coming is not None and not coming.cancel():  # it has begun
            return coming.result()
        return self._keep(image)

    def spent(self, image: Image) -> None:
        """Give the memory of a picture's pixels back: the tower has seen it."""
        self._pixels.drop(image.sha256)

    def ahead(self, images: Sequence[Image]) -> None:
        """Prepare pictures beside the model, in a few threads. Faults are met when the picture is asked for."""
        if self._how is None or not self.apart:
            return
        for image in images:
            with self._guard:
                if image.sha256 in self._pending or image.sha256 in self._pixels:
                    continue
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(min(_AHEAD, os.cpu_count() or 1), "pictures")
                self._pending[image.sha256] = self._pool.submit(self._keep, image)

    def close(self) -> None:
        """End the threads; pictures that have not begun are left out."""
        with self._guard:
            pool, self._pool = self._pool, None
            self._pending.clear()
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def _keep(self, image: Image) -> PicturePart:
        made = self._prepare([image])
        self._pixels.put(image.sha256, made)
        self._shapes.put(image.sha256, _shape_of(made))
        with self._guard:
            self._pending.pop(image.sha256, None)
        return made

    def _prepare(self, images: Sequence[Image]) -> PicturePart:
        assert self._how is not None
        nested, kwargs = self._how
        pictures = [open_picture(image) for image in images]
        self.prepared += len(images)
        return dict(self._real([pictures] if nested else pictures, **kwargs))

    def _learn(self, images: Sequence[Image]) -> None:
        """Find out how these pictures' values are put together. Raises NotApart where none of the ways is right."""
        parts, whole = [self.pixels(image) for image in images], self._prepare(images)
        for key, value in whole.items():
            known = self._joins.get(key)
            right = next((way for way in ([known] if known else _JOINS) if _gives(way, parts, key, value)), None)
            if right is None:
                self.apart = False
                raise NotApart(key)
            self._joins[key] = right
        self._learned += 1


def _marked(sha256: str) -> PIL.Image.Image:
    picture = PIL.Image.new("RGB", (1, 1))
    picture.info[_MARK] = sha256
    return picture


def _flat(images: Any) -> Iterator[Any]:
    for item in images if isinstance(images, (list, tuple)) else [images]:
        if isinstance(item, (list, tuple)):
            yield from _flat(item)
        else:
            yield item


# --- putting parts together -----------------------------------------------------------------------

_Join: TypeAlias = Callable[[Sequence[Any], bool], Any]
"""The values of the parts -> that of the prompt; where the flag is False, large tensors have their shape alone."""


def _stacked(axis: int) -> _Join:
    """Tensors one after another along an axis; those of a smaller shape are filled up with zeros."""

    def join(values: Sequence[Any], whole: bool) -> Any:
        tensors = [torch.as_tensor(value) for value in values]
        shape = [max(sizes) for sizes in zip(*(tensor.shape for tensor in tensors), strict=True)]
        shape[axis] = sum(tensor.shape[axis] for tensor in tensors)
        if torch.Size(shape).numel() > _LARGE and not whole:
            return tensors[0].new_zeros(1).expand(shape)
        out, start = tensors[0].new_zeros(shape), 0
        for tensor in tensors:
            place = [slice(0, length) for length in tensor.shape]
            place[axis] = slice(start, start + tensor.shape[axis])
            out[tuple(place)] = tensor
            start += tensor.shape[axis]
        return out

    return join


def _listed(values: Sequence[Any], whole: bool) -> Any:  # noqa: ARG001 - a way like the others
    return [item for value in values for item in value]


def _nested(values: Sequence[Any], whole: bool) -> Any:  # noqa: ARG001
    return [[item for value in values for item in value[0]]]


def _equal(values: Sequence[Any], whole: bool) -> Any:  # noqa: ARG001
    return values[0]


_JOINS: Sequence[_Join] = (_stacked(0), _stacked(1), _nested, _listed, _equal)


def _gives(way: _Join, parts: Sequence[PicturePart], key: str, value: Any) -> bool:
    """Whether putting the parts together in that way gives what the pictures together gave."""
    try:
        return _same(way([part[key] for part in parts], True), value)
    except (TypeError, ValueError, IndexError, RuntimeError, KeyError):
        return False


def _same(one: Any, other: Any) -> bool:
    if isinstance(other, (torch.Tensor, np.ndarray)):
        if not isinstance(one, (torch.Tensor, np.ndarray)):
            return False
        left, right = torch.as_tensor(one), torch.as_tensor(other)
        return left.shape == right.shape and bool(torch.equal(left, right))
    if isinstance(other, (list, tuple)):
        return isinstance(one, (list, tuple)) and len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def _shape_of(part: PicturePart) -> PicturePart:
    """The part with large tensors reduced to their shape."""

    def reduced(value: Any) -> Any:
        if isinstance(value, (torch.Tensor, np.ndarray)) and np.prod(value.shape) > _LARGE:
            return torch.as_tensor(value).new_zeros(1).expand(tuple(value.shape))
        return [reduced(item) for item in value] if isinstance(value, list) else value

    return {key: reduced(value) for key, value in part.items()}


def _bytes_of(part: PicturePart) -> int:
    def size(value: Any) -> int:
        if isinstance(value, torch.Tensor):
            return int(value.untyped_storage().nbytes())
        if isinstance(value, np.ndarray):
            return int(value.nbytes)
        if isinstance(value, (list, tuple)):
            return 64 + sum(map(size, value))
        return 64

    return sum(map(size, part.values()))
