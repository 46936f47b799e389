"""Generation from end to end against the loopback server: loose replies, repair, captions, budget, kill and resume."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.training.recipes import ProjectionRecipe, read_recipe
from sparkles_eval.training.training_data import read_subsets
from tests.end_to_end.running import Done, here, kill, rows, sound, start
from tests.server import Behaviour, LoopbackServer, Settings

CONNECTIONS = 4


def args(photos: Path, server: LoopbackServer, folder: Path, *more: str, model: str = "openai/good") -> list[str]:
    """`data generate` of the scenes into folder/set, with the store in folder/s.db."""
    asked = ["--images", str(photos / "photos"), "-m", model, "--model-arg", f"base_url={server.openai_url}"]
    captions = (
        [] if "--caption-with" in more or "--see-images" in more else ["--captions", str(photos / "captions.jsonl")]
    )
    kept = ["--out", str(folder / "set"), "--store", str(folder / "s.db"), "--name", "set"]
    return ["data", "generate", *asked, *captions, *kept, *more]


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def written(folder: Path) -> dict[str, bytes]:
    """Every file of a set that depends on its dialogues alone."""
    names = ("dialogues.jsonl", "rejected.jsonl", "statistics.json", "recipe.yaml")
    kept = [folder / "set" / name for name in names] + sorted((folder / "set" / "annotations").iterdir())
    return {file.name: file.read_bytes() for file in kept}


def test_two_hundred_scenes_become_dialogues_that_training_reads(
    photos: Path, server: LoopbackServer, tmp_path: Path
) -> None:
    done = here(*args(photos, server, tmp_path))
    assert done.code == 0, done.shown
    kept, rejected = lines(tmp_path / "set" / "dialogues.jsonl"), lines(tmp_path / "set" / "rejected.jsonl")
    assert server.stats().requests == 22 and len(kept) > 40 and len(rejected) > 5
    assert {line["fault"] for line in rejected} >= {"mentions", "candidates"}
    assert all(line["reason"] for line in rejected)
    sound(tmp_path / "s.db")
    counted = rows(
        tmp_path / "s.db", "SELECT status, count(*) FROM generated_dialogues GROUP BY status ORDER BY status"
    )
    assert counted == [("kept", len(kept)), ("rejected", len(rejected))]
    recipe = read_recipe(str(tmp_path / "set" / "recipe.yaml"))
    assert isinstance(recipe, ProjectionRecipe)
    subsets = read_subsets(recipe.subsets, tmp_path / "set")
    exchanges = [exchange for subset in subsets for exchange in subset.exchanges]
    assert len(exchanges) == 2 * len(kept) and {len(exchange.images) for exchange in exchanges} == {1, 2, 3, 4}
    assert {subset.name: subset.weight for subset in subsets}["set_turn1_3img"] == 2


def test_the_same_command_asks_nothing_and_more_dialogues_go_on(
    photos: Path, server: LoopbackServer, tmp_path: Path
) -> None:
    assert here(*args(photos, server, tmp_path, "-n", "12")).code == 0
    before = written(tmp_path)
    assert here(*args(photos, server, tmp_path, "-n", "12")).code == 0
    assert server.stats().requests == 4 and written(tmp_path) == before
    assert here(*args(photos, server, tmp_path, "-n", "24")).code == 0
    assert server.stats().requests == 8, "the first calls are those of before"
    assert rows(tmp_path / "s.db", "SELECT count(*) FROM dialogue_sets") == [(1,)]


def test_repair_asks_once_more_and_mends(photos: Path, server: LoopbackServer, tmp_path: Path) -> None:
    assert here(*args(photos, server, tmp_path, "-n", "45")).code == 0
    plain = len(lines(tmp_path / "set" / "dialogues.jsonl"))
    broken = rows(
        tmp_path / "s.db",
        "SELECT count(DISTINCT key) FROM dialogue_calls c WHERE EXISTS"
        " (SELECT 1 FROM dialogues d WHERE d.key = c.key AND d.fault IS NOT NULL)"
        " OR (SELECT count(*) FROM dialogues d WHERE d.key = c.key) < 3",
    )
    done = here(*args(photos, server, tmp_path, "-n", "45", "--repair"))
    assert done.code == 0 and "after --repair" in done.shown
    assert (server.stats().requests - 15,) == broken[0]
    assert len(lines(tmp_path / "set" / "dialogues.jsonl")) > plain
    assert here(*args(photos, server, tmp_path, "-n", "45", "--repair")).code == 0
    assert (server.stats().requests - 15,) == broken[0], "what was mended is not asked again"
    assert len(lines(tmp_path / "set" / "rejected.jsonl")) > 0, "what was mended stays to be looked at"


def test_killed_at_work_it_asks_at_most_what_was_in_flight_again(
    photos: Path, server: LoopbackServer, tmp_path: Path
) -> None:
    server.configure(Settings(models={"good": Behaviour(latency_s=0.05, latency_sigma=0.5)}))
    more = ("-n", "45", "--repair")
    command = args(photos, server, tmp_path, *more, "--max-connections", str(CONNECTIONS))
    draw = random.Random(3)  # noqa: S311 (no cryptography)
    kills = 0
    for asked in (4, 13):
        process = start(*command)
        while process.poll() is None and len(server.stats().asked) < asked:
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.05))
        kill(process)
        kills += 1
        sound(tmp_path / "s.db")
    assert here(*command).code == 0
    again = sum(times - 1 for times in server.stats().asked.values())
    assert again <= kills * CONNECTIONS and server.stats().repeated <= kills * CONNECTIONS
    assert rows(tmp_path / "s.db", "SELECT key FROM responses GROUP BY key HAVING count(*) > 1") == []
    beside = tmp_path / "beside"
    beside.mkdir()
    assert here(*args(photos, server, beside, *more)).code == 0
    assert written(tmp_path) == written(beside), "the same dialogues as without being killed"


def test_captions_are_made_first_kept_and_not_asked_again(photos: Path, server: LoopbackServer, tmp_path: Path) -> None:
    more = ("--caption-with", "openai/good", "-n", "6")
    done = here(*args(photos, server, tmp_path, *more))
    assert done.code == 0, done.shown
    assert "openai/good on captions: 18 items" in done.shown
    captions = rows(tmp_path / "s.db", "SELECT DISTINCT caption_by, length(caption) > 100 FROM dialogue_images")
    assert captions == [("openai/good", 1)]
    asked = server.stats().requests
    assert asked == 18 + 2
    assert here(*args(photos, server, tmp_path, *more)).code == 0 and server.stats().requests == asked
    first = lines(tmp_path / "set" / "dialogues.jsonl")[0]["dialogue"]
    assert "A calm scene with" in json.dumps(first)


def test_captions_that_cannot_be_had_stop_it_or_are_left_out(
    photos: Path, server: LoopbackServer, tmp_path: Path
) -> None:
    from sparkles_eval.core.errors import DataError, UserError

    more = ("--caption-with", "openai/refuser", "-n", "6")
    with pytest.raises(DataError, match="run the same command again"):
        here(*args(photos, server, tmp_path, *more))
    with pytest.raises(UserError, match="style cc offers 9 images a call, and there are 0"):
        here(*args(photos, server, tmp_path, *more, "--skip-bad"))


def test_images_are_given_to_a_model_that_sees(photos: Path, server: LoopbackServer, tmp_path: Path) -> None:
    done = here(*args(photos, server, tmp_path, "--style", "vg", "--see-images", "-n", "3"))
    assert done.code == 0, done.shown
    assert {len(record.images) for record in server.records()} == {4}


def test_the_style_vg_offers_each_image_once(photos: Path, server: LoopbackServer, tmp_path: Path) -> None:
    assert here(*args(photos, server, tmp_path, "--style", "vg")).code == 0
    offered = [
        name
        for (text,) in rows(tmp_path / "s.db", "SELECT candidates FROM dialogue_calls")
        for name in json.loads(str(text))
    ]
    assert len(offered) == len(set(offered)) == 200 and server.stats().requests == 50


def test_a_call_without_a_reply_has_its_reason_and_is_tried_again(
    photos: Path, server: LoopbackServer, tmp_path: Path
) -> None:
    server.configure(Settings(models={"good": Behaviour(faults={"500": 1.0}, fault_limit=None)}))
    more = ("-n", "9", "--max-attempts", "1")
    done = here(*args(photos, server, tmp_path, *more))
    assert done.code == 3 and "3 requests have no reply" in done.shown
    reasons = rows(tmp_path / "s.db", "SELECT reason FROM dialogue_calls WHERE response_id IS NULL")
    assert len(reasons) == 3 and all("no reply after 1 attempt" in str(reason) for (reason,) in reasons)
    server.configure(Settings())
    assert here(*args(photos, server, tmp_path, *more)).code == 0
    assert rows(tmp_path / "s.db", "SELECT count(*) FROM dialogue_calls WHERE response_id IS NULL") == [(0,)]


def test_a_refusal_is_kept_with_what_was_said(photos: Path, server: LoopbackServer, tmp_path: Path) -> None:
    assert here(*args(photos, server, tmp_path, "-n", "3", model="openai/refuser")).code == 0
    (line,) = lines(tmp_path / "set" / "rejected.jsonl")
    assert line["fault"] == "format" and "the model refused" in str(line["reason"])
    assert not (tmp_path / "set" / "recipe.yaml").exists()


def test_money_is_bounded_and_estimated(photos: Path, server: LoopbackServer, tmp_path: Path) -> None:
    prices = ("--model-arg", "price_in=100", "--model-arg", "price_out=100")
    done = here(*args(photos, server, tmp_path, *prices, "--estimate"))
    assert done.code == 0 and server.stats().requests == 0 and "dialogues cc" in done.shown
    done = here(*args(photos, server, tmp_path, *prices, "--max-cost", "0.7"))
    assert done.code == 3 and "--max-cost 0.7 USD is reached" in done.shown
    assert 0 < server.stats().requests < 22
    assert rows(tmp_path / "s.db", "SELECT total(cost_usd) < 0.9 FROM responses") == [(1,)]


def test_a_dry_run_shows_the_prompt_and_asks_nobody(photos: Path, server: LoopbackServer, tmp_path: Path) -> None:
    done = here(*args(photos, server, tmp_path, "--dry-run"))
    assert done.code == 0 and "CANDIDATES" in done.out and server.stats().requests == 0
    assert not (tmp_path / "s.db").exists()


def test_evaluation_images_are_never_offered(photos: Path, server: LoopbackServer, tmp_path: Path) -> None:
    from sparkles_eval.tasks.load import load_task

    planted = load_task("nlvr2-mini").samples[0].images[0]
    assert planted.path is not None
    mixed = tmp_path / "mixed"
    (mixed / "photos").mkdir(parents=True)
    for file in sorted((photos / "photos").iterdir())[:30]:
        (mixed / "photos" / file.name).write_bytes(file.read_bytes())
    (mixed / "photos" / "innocent.png").write_bytes(planted.path.read_bytes())
    captions = (photos / "captions.jsonl").read_text(encoding="utf-8").splitlines()[:30]
    captions.append(json.dumps({"image": "innocent.png", "caption": "A harmless scene."}))
    (mixed / "captions.jsonl").write_text("\n".join(captions), encoding="utf-8")
    done = here(*args(mixed, server, tmp_path, "--against", "nlvr2-mini"))
    assert done.code == 0, done.shown
    assert "that an evaluation asks about" in done.shown, done.shown
    told = {line["image_id"]: str(line["reason"]) for line in lines(tmp_path / "set" / "left_out.jsonl")}
    assert told["innocent"].startswith("the same file as")
    assert rows(tmp_path / "s.db", "SELECT count(*) FROM dialogue_images WHERE image_id = 'innocent'") == [(0,)]


def wrong(done: Done) -> str:
    assert done.code == 2, done.shown
    return done.shown


def test_mistakes_are_told_before_anything_is_asked(photos: Path, server: LoopbackServer, tmp_path: Path) -> None:
    from sparkles_eval.core.errors import UserError

    bare = ["data", "generate", "--images", str(photos / "photos"), "-m", "openai/good", "--out", str(tmp_path / "o")]
    bare += ["--store", str(tmp_path / "s.db"), "--model-arg", f"base_url={server.openai_url}"]
    for more, told in (
        ([], "200 images have no caption"),
        (["--style", "xx"], "Known: cc, vg"),
        (["--captions", str(tmp_path / "none.jsonl")], "cannot be read"),
        (["--name", "a b"], "--name"),
        (["--gate", "x=1"], "there is no such gate"),
        (["--max-cost", "1", "--see-images"], "needs the prices"),
    ):
        with pytest.raises(UserError, match=told):
            here(*bare, *more)
    assert server.stats().requests == 0


def test_another_server_is_asked_only_when_it_is_said_to_be_the_same(
    photos: Path, server: LoopbackServer, tmp_path: Path
) -> None:
    assert here(*args(photos, server, tmp_path, "-n", "6")).code == 0
    with LoopbackServer() as other:
        with pytest.raises(UserError, match="same_model=true"):
            here(*args(photos, other, tmp_path, "-n", "12"))
        assert other.stats().requests == 0
        assert here(*args(photos, other, tmp_path, "-n", "6", "--model-arg", "same_model=true")).code == 0
        assert other.stats().requests == 0, "all of it is there"
