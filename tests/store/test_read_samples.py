"""Single samples: their content comes back whole, a stretch at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sparkles_eval.core import Criterion, Sample
from sparkles_eval.core.errors import StoreError
from sparkles_eval.store import read_samples
from sparkles_eval.store.ratings import HumanRating, Sheet, SheetRow, add_ratings, add_sheet
from sparkles_eval.store.rows import PixelsRow
from sparkles_eval.store.store import Store
from tests.store.making import Made


def test_samples_come_back_as_they_were_a_stretch_at_a_time(
    store: Store, made: Made, samples: tuple[Sample, ...]
) -> None:
    whole = read_samples.samples(store, made.run.id)
    assert [stored.sample for stored in whole] == list(samples)
    assert [stored.id for stored in whole] == made.ids
    page = read_samples.samples(store, made.run.id, offset=1, limit=1)
    assert [(stored.position, stored.sample.id) for stored in page] == [(1, "b")]
    assert (
        read_samples.samples(store, made.run.id, offset=3) == [] and read_samples.count_samples(store, made.run.id) == 3
    )


def test_a_missing_image_is_named(store: Store, made: Made) -> None:
    store.connection.execute("DELETE FROM images WHERE relpath = 'images/0.png'")
    with pytest.raises(StoreError, match=r"0{64}"):
        read_samples.samples(store, made.run.id)


def test_answers_are_cut_but_say_how_long_they_were(store: Store, made: Made) -> None:
    store.connection.execute("UPDATE responses SET text = ? WHERE key = 'ka'", ("a\0" + "b" * 998,))
    (first, second) = read_samples.answers(store, [made.run.id], made.ids, cut=10)
    cut = first if first.sample_id == made.ids[0] else second
    assert (len(cut.text), cut.length, cut.draws, cut.status) == (10, 1000, 1, "ok")
    assert (
        read_samples.answers(store, [made.run.id], []) == [] and read_samples.answers(store, ["nobody"], made.ids) == []
    )


def test_scores_thumbnails_and_verdicts_are_found_by_id(store: Store, made: Made, samples: tuple[Sample, ...]) -> None:
    found = read_samples.scores(store, [made.run.id], made.ids[:1])
    assert [(score.sample_id, score.score.value, score.score.answer) for score in found] == [(made.ids[0], 1.0, "True")]
    shown = samples[0].images[0]
    store.add_pixels([PixelsRow(shown.sha256, b"small")])
    assert read_samples.thumbnails(store, [image.sha256 for image in samples[0].images]) == {shown.sha256: b"small"}
    assert read_samples.image(store, shown.sha256) == replace(shown, id="", caption=None)
    assert read_samples.verdicts(store, [1, 2]) == {}


def test_ids_come_in_order_without_their_content(store: Store, made: Made) -> None:
    assert read_samples.sample_ids(store, made.run.id, limit=2) == made.ids[:2]
    assert read_samples.sample_ids(store, made.run.id, limit=9, only=[made.ids[2], "nobody"]) == [made.ids[2]]


def test_what_people_rated_is_found_by_sample(store: Store, made: Made) -> None:
    rows = tuple(SheetRow(str(place), made.run.id, sample_id, 0) for place, sample_id in enumerate(made.ids))
    sheet = Sheet("ada", made.run.task, 0, 1, 10, (Criterion("C1", "Clarity"),), rows)
    add_sheet(store, sheet)
    given = [HumanRating("ada", made.run.id, sample_id, 0, 1, "C1", 7.0, "fine", sheet.id) for sample_id in made.ids]
    add_ratings(store, given)
    assert read_samples.human_ratings(store, [made.run.id], made.ids[:1]) == given[:1]
    assert read_samples.human_ratings(store, [], made.ids) == read_samples.human_ratings(store, [made.run.id], []) == []


def test_embedded_bytes_are_given_up_to_a_size(store: Store, made: Made, samples: tuple[Sample, ...]) -> None:
    assert made.ids
    (image, *_) = samples[0].images
    assert read_samples.embedded(store, image.sha256) is None
    store.add_pixels([PixelsRow(image.sha256, data=b"12345")])
    assert read_samples.embedded(store, image.sha256) == read_samples.embedded(store, image.sha256, most=5) == b"12345"
    assert read_samples.embedded(store, image.sha256, most=4) is None


def test_pictures_that_can_be_shown_are_known(store: Store, made: Made, samples: tuple[Sample, ...]) -> None:
    assert made.ids
    hashes = sorted({image.sha256 for sample in samples for image in sample.images})
    assert read_samples.seen(store, hashes) == set()
    store.add_pixels([PixelsRow(hashes[0], thumbnail=b"small"), PixelsRow(hashes[1], data=b"whole")])
    assert read_samples.seen(store, hashes) == set(hashes[:2]) and read_samples.seen(store, hashes[1:2]) == {hashes[1]}
