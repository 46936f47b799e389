"""Single samples: their content comes back whole, a stretch at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sparkles_eval.errors import StoreError
from sparkles_eval.records import Sample
from sparkles_eval.store import browse
from sparkles_eval.store.rows import PixelsRow
from sparkles_eval.store.store import Store
from tests.store.making import Made


def test_samples_come_back_as_they_were_a_stretch_at_a_time(
    store: Store, made: Made, samples: tuple[Sample, ...]
) -> None:
    whole = browse.samples(store, made.run.id)
    assert [stored.sample for stored in whole] == list(samples)
    assert [stored.id for stored in whole] == made.ids
    page = browse.samples(store, made.run.id, offset=1, limit=1)
    assert [(stored.position, stored.sample.id) for stored in page] == [(1, "b")]
    assert browse.samples(store, made.run.id, offset=3) == [] and browse.count_samples(store, made.run.id) == 3


def test_a_missing_image_is_named(store: Store, made: Made) -> None:
    store.connection.execute("DELETE FROM images WHERE relpath = 'images/0.png'")
    with pytest.raises(StoreError, match=r"0{64}"):
        browse.samples(store, made.run.id)


def test_answers_are_cut_but_say_how_long_they_were(store: Store, made: Made) -> None:
    store.connection.execute("UPDATE responses SET text = ? WHERE key = 'ka'", ("a\0" + "b" * 998,))
    (first, second) = browse.answers(store, [made.run.id], made.ids, cut=10)
    cut = first if first.sample_id == made.ids[0] else second
    assert (len(cut.text), cut.length, cut.draws, cut.status) == (10, 1000, 1, "ok")
    assert browse.answers(store, [made.run.id], []) == [] and browse.answers(store, ["nobody"], made.ids) == []


def test_scores_thumbnails_and_verdicts_are_found_by_id(store: Store, made: Made, samples: tuple[Sample, ...]) -> None:
    found = browse.scores(store, [made.run.id], made.ids[:1])
    assert [(score.sample_id, score.score.value, score.score.answer) for score in found] == [(made.ids[0], 1.0, "True")]
    shown = samples[0].images[0]
    store.add_pixels([PixelsRow(shown.sha256, b"small")])
    assert browse.thumbnails(store, [image.sha256 for image in samples[0].images]) == {shown.sha256: b"small"}
    assert browse.image(store, shown.sha256) == replace(shown, id="", caption=None)
    assert browse.verdicts(store, [1, 2]) == {}
