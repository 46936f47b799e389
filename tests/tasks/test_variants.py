"""Tasks altered on purpose: what the model is sent changes, what is right does not, and each has its own identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sparkles_eval.core import Image, Sample, Text
from sparkles_eval.core.errors import UserError
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.variants import SWAPPED, vary
from sparkles_eval.tasks.variation import ImageVariant, Variation


@pytest.fixture(scope="module")
def bison() -> Task:
    return load_task("bison-mini", args={"n": "10"})


@pytest.fixture(scope="module")
def nlvr2() -> Task:
    return load_task("nlvr2-mini", args={"n": "36"})


@pytest.fixture(scope="module")
def dialogues() -> Task:
    return load_task("sparkleseval-mini", args={"n": "7"})


def shown(task: Task, sample: Sample, history: Sequence[str] = ()) -> tuple[list[str], str]:
    """The images that a model is sent, in order, and the words."""
    parts = [part for message in task.prompt.conversation(sample, history).messages for part in message.parts]
    images = [part.sha256 for part in parts if isinstance(part, Image)]
    return images, "".join(part.text if isinstance(part, Text) else "@" for part in parts)


def test_a_variant_is_its_own_identity_and_the_usual_one_has_no_name(bison: Task) -> None:
    assert vary(bison, Variation()) is bison
    assert vary(bison, Variation(orders="both", images="dropped")).variant == "orders=both images=dropped"
    assert Variation(history="reference").name == "history=reference"


# --- both orders --------------------------------------------------------------------------------------------------


def test_where_the_answer_is_a_place_it_moves_with_its_image(bison: Task) -> None:
    both = vary(bison, Variation(orders="both"))
    assert len(both.samples) == 20
    for given, other in zip(both.samples[::2], both.samples[1::2], strict=True):
        assert other.id == given.id + SWAPPED
        assert shown(both, other)[0] == shown(both, given)[0][::-1]
        assert shown(both, other)[1] == shown(both, given)[1], "the words are the same"
        right = [sample.images[sample.options.index(sample.target or "")].sha256 for sample in (given, other)]
        assert right[0] == right[1] and {given.target, other.target} == set(given.options)
        assert given.cluster == other.cluster == given.id, "one item in two orders is one independent unit"


def test_where_the_statement_names_the_sides_the_prompt_says_which_image_is_which(nlvr2: Task) -> None:
    both = vary(nlvr2, Variation(orders="both"))
    for given, other in zip(both.samples[::2], both.samples[1::2], strict=True):
        (left, right), words = shown(both, given)
        assert shown(both, other)[0] == [right, left]
        assert "IMAGE#1 (left)" in words
        assert "IMAGE#1 (right): @\nIMAGE#2 (left): @" in shown(both, other)[1]
        assert given.target == other.target, "the statement is as true as before"
        assert given.group != other.group and given.cluster == other.cluster


def test_the_task_as_it_is_reads_as_if_there_were_no_orders(nlvr2: Task) -> None:
    assert "IMAGE#1 (left): @\nIMAGE#2 (right): @" in shown(nlvr2, nlvr2.samples[0])[1]


def test_a_statement_that_names_an_image_by_its_place_has_one_order(nlvr2: Task) -> None:
    first = replace(nlvr2.samples[0], fields={"sentence": "The second image shows a star."})
    both = vary(replace(nlvr2, samples=(first, *nlvr2.samples[1:])), Variation(orders="both"))
    assert len(both.samples) == 70
    assert [(p.item, p.what) for p in both.skipped] == [
        (first.id, "cannot be asked in the other order: its sentence names an image by its place ('second image')")
    ]
    with pytest.raises(UserError, match="no item can be asked in both orders"):
        vary(replace(nlvr2, samples=(first,)), Variation(orders="both"))


def test_a_prompt_that_would_tell_untruths_is_refused(nlvr2: Task, bison: Task) -> None:
    silent = replace(nlvr2, prompt=bison.prompt, samples=tuple(_captioned(sample) for sample in nlvr2.samples))
    with pytest.raises(UserError, match=r"does not name the images by \{\{ first \}\} and \{\{ second \}\}"):
        vary(silent, Variation(orders="both"))


def _captioned(sample: Sample) -> Sample:
    return replace(sample, fields={"caption": sample.fields["sentence"]})


def test_a_task_that_declares_no_orders_has_none(dialogues: Task) -> None:
    with pytest.raises(UserError, match=r"--orders both is for tasks .* task\.yaml under `orders`"):
        vary(dialogues, Variation(orders="both"))


# --- images -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["dropped", "wrong"])
def test_only_what_the_model_is_sent_changes(bison: Task, variant: ImageVariant) -> None:
    ablated = vary(bison, Variation(images=variant))
    assert ablated.samples == bison.samples and ablated.data_hash == bison.data_hash
    everywhere = {image.sha256 for sample in bison.samples for image in sample.images}
    for sample in ablated.samples:
        images, words = shown(ablated, sample)
        own = {image.sha256 for image in sample.images}
        assert words.replace("@", "") == shown(bison, sample)[1].replace("@", "")
        assert not own & set(images)
        assert len(images) == (0 if variant == "dropped" else 2) == len(set(images))
        assert set(images) <= everywhere


def test_wrong_images_come_from_other_clusters_and_are_always_the_same(nlvr2: Task) -> None:
    ablated = vary(nlvr2, Variation(images="wrong"))
    home = {image.sha256: sample.cluster for sample in nlvr2.samples for image in sample.images}
    for sample in ablated.samples:
        assert all(home[sha256] != sample.cluster for sha256 in shown(ablated, sample)[0])
    again = vary(nlvr2, Variation(images="wrong"))
    assert [shown(again, s) for s in again.samples] == [shown(ablated, s) for s in ablated.samples]
    with pytest.raises(UserError, match="needs images of other items"):
        vary(replace(nlvr2, samples=nlvr2.samples[:4]), Variation(images="wrong"))


def test_shuffled_images_are_the_items_own_each_at_anothers_place(dialogues: Task) -> None:
    ablated = vary(dialogues, Variation(images="shuffled"))
    for sample in ablated.samples:
        true, _ = shown(dialogues, sample, ["..."])
        images, _ = shown(ablated, sample, ["..."])
        assert sorted(images) == sorted(true)
        assert all(image != place for image, place in zip(images, true, strict=True))


def test_shuffling_where_the_answer_is_a_place_is_refused(bison: Task) -> None:
    with pytest.raises(UserError, match="use --orders both for that, or --images wrong"):
        vary(bison, Variation(images="shuffled"))


# --- history ------------------------------------------------------------------------------------------------------


def test_the_reference_as_history(dialogues: Task, bison: Task) -> None:
    assert not vary(dialogues, Variation(history="reference")).own_history
    with pytest.raises(UserError, match="its items have one turn"):
        vary(bison, Variation(history="reference"))
    (sample, *_) = dialogues.samples
    silent = replace(sample, turns=(replace(sample.turns[0], reference=None), *sample.turns[1:]))
    with pytest.raises(UserError, match=rf"1 item has none \(the first: {sample.id}\)"):
        vary(replace(dialogues, samples=(silent, *dialogues.samples[1:])), Variation(history="reference"))
