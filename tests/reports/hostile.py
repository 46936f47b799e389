"""A store whose every text is hostile: markup, handlers, addresses, styles, direction marks, NUL, a megabyte."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image as Pillow

from sparkles_eval.core import (
    Criterion,
    Generation,
    Image,
    Model,
    Rating,
    Response,
    Run,
    Sample,
    Score,
    Status,
    Text,
    Turn,
    Usage,
    Verdict,
    VerdictStatus,
    fingerprint,
)
from sparkles_eval.core.errors import Problem
from sparkles_eval.store.mapping import now
from sparkles_eval.store.rows import (
    AnswerRow,
    EnvironmentRow,
    JudgeRow,
    PixelsRow,
    RequestRow,
    ScoreRow,
    TaskRow,
    VerdictRow,
)
from sparkles_eval.store.store import Store

BAD = (
    "<script>window.hacked=1</script><img src=x onerror=window.hacked=1><svg/onload=window.hacked=1>"
    "</style><style>body{display:none}</style></title></textarea>--><!--"
    "\"' autofocus onfocus=window.hacked=1 x='<a href=javascript:window.hacked=1>click</a>"
    "<iframe src=https://evil.example/x></iframe><link rel=stylesheet href=//evil.example/y>"
    "{{ 7*7 }}{% raw %}\u202egnp.txt\u2066\x00\x1b[31m\u200b"
)
LONG = "A" * 1_000_000 + "THE-END"
NOT_A_PICTURE = b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.hacked=1'/>"


def build(path: Path) -> Store:
    """The store, open: one option task with four samples and one rated task."""
    store = Store(path)
    environment = store.add_environment(
        EnvironmentRow(BAD, BAD, BAD, BAD, {BAD: BAD}, {BAD: BAD}),
    )
    picture = io.BytesIO()
    Pillow.new("RGB", (8, 6), "teal").save(picture, "PNG")
    images = [Image(f"{n:064x}", BAD, 8, 6, 9, BAD, BAD, BAD) for n in range(2)]
    samples = [
        Sample(
            f"{BAD}{n}",
            (Turn((Text(BAD), images[0], Text(BAD), images[1]), BAD),),
            {BAD: BAD},
            ("True", BAD),
            BAD,
            BAD,
            BAD,
            (BAD,),
        )
        for n in range(4)
    ]
    rule = JudgeRow("strict@1", BAD, 1, BAD, "text", None, 0, 1, (Criterion("accuracy", BAD, BAD),))
    rater = JudgeRow("e" * 64, BAD, 1, BAD, "captions", BAD, 1, 10, (Criterion("C1", BAD, BAD),))
    for metrics, judge, answer_rule in ((("accuracy", "consistency"), rule, "strict"), (("judge_score",), rater, None)):
        task = TaskRow(
            f"{BAD}{judge.id[:3]}",
            1,
            BAD,
            metrics,
            ("True", BAD),
            {BAD: BAD},
            f"# {BAD}\n\n{BAD}\n\n| {BAD} |",
            BAD,
            BAD,
        )
        model = Model(BAD, BAD, BAD, {BAD: BAD})
        run = Run(task.name, 1, model, BAD, 1, answer_rule, 1, Generation(stop=(BAD,)), "p", "d", 1, 4)
        ids = store.add_run(run, task, samples, [Problem(BAD, BAD)], environment)
        store.add_judge(judge)
        for place, sample_id in enumerate(ids[:3]):
            status = Status.TRUNCATED if place == 2 else Status.OK
            text = LONG if place == 1 else BAD
            key = fingerprint([run.id, place])
            made = Response(key, 1, status, text, BAD, Usage(), 0.1, BAD, now())
            stored = store.add_response(RequestRow(key, model, BAD, "{}", 0, 0), made)
            assert stored.id is not None
            row = AnswerRow(sample_id, 0, 1, stored.id, 1, status.value, text)
            if answer_rule:
                score = Score(1, "accuracy", 0.0, BAD, invalid=place == 2, answer=BAD)
                store.add_answer(run.id, row, [ScoreRow(run.id, sample_id, 0, judge.id, 0, score)])
                continue
            store.add_answer(run.id, row)
            verdict = Verdict(VerdictStatus.GRADED, (Rating(1, "C1", 5, BAD if place else ""),), raw=BAD, prompt=BAD)
            verdict_id, _ = store.add_verdict(VerdictRow(key, judge.id, sample_id, BAD, 0, 1, verdict))
            store.add_scores([ScoreRow(run.id, sample_id, 0, judge.id, 0, Score(1, "C1", 5.0), verdict_id)])
        store.add_scores([ScoreRow(run.id, ids[3], 0, judge.id, 0, Score(1, judge.criteria[0].id, None, BAD))])
    store.add_pixels([PixelsRow(images[0].sha256, picture.getvalue())])
    store.add_pixels([PixelsRow(images[1].sha256, NOT_A_PICTURE)])
    return store
