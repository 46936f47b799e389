"""Tables of questions in the forms in which people keep them, read by task.yaml alone."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sparkles_eval.core import Sample, Text
from sparkles_eval.core.errors import ContentError, DataError
from sparkles_eval.tasks.load import load_task
from tests.tasks.tables import drawn, parquet

Write = Callable[..., Path]
pytest.importorskip("pyarrow")


def words(sample: Sample, turn: int = 0) -> str:
    """The turn's words with [k] for its k-th different picture."""
    shown: dict[str, int] = {}
    return "".join(
        part.text if isinstance(part, Text) else f"[{shown.setdefault(part.sha256, len(shown))}]"
        for part in sample.turns[turn].content
    )


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


CHOICE = {"id": "idx", "question": "q", "images": "pics", "options": "opts", "answer": "answer"}


def test_parquet_with_pictures_as_bytes_keeps_their_bytes(table_task: Write) -> None:
    first, second = drawn(1), drawn(2, "JPEG")
    folder = table_task({"files": "data/test-*.parquet"}, CHOICE)
    for shard, (name, answer) in enumerate((("7", "B"), ("8", "(A)"))):
        parquet(
            folder / f"data/test-0000{shard}-of-00002.parquet",
            [
                {
                    "idx": name,
                    "q": "Which is like <image>?",
                    "opts": ["<image>", "None of them"],
                    "answer": answer,
                    "pics": [{"bytes": first, "path": None}, {"bytes": second, "path": "x.jpg"}],
                }
            ],
        )
    one, two = load_task(str(folder)).samples
    assert [image.sha256 for image in one.images] == [sha(first), sha(second)]
    assert (one.images[1].media_type, one.images[1].path and one.images[1].path.read_bytes()) == ("image/jpeg", second)
    assert words(one) == "Which is like [0]?\nA. [1]\nB. None of them"
    assert (one.options, one.target, two.target) == (("A", "B"), "B", "A")


def test_options_by_columns_or_text_and_answers_by_index_text_or_list(table_task: Write) -> None:
    rows = [
        {"q": "Colour?", "A": "red", "B": "blue", "C": None, "ix": 1, "t": "Blue."},
        {"q": "Shape?", "A": "round", "B": "square", "C": "flat", "ix": 0, "t": "round"},
    ]
    file = {"files": "rows.jsonl"}
    for answer in ({"column": "ix", "kind": "index"}, {"column": "t", "kind": "text"}, "t"):
        folder = table_task(file, {"question": "q", "options": ["A", "B", "C"], "answer": answer})
        (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        one, two = load_task(str(folder)).samples
        assert (one.options, one.target, two.target) == (("red", "blue"), "blue", "round")
        assert words(one) == "Colour?\nA. red\nB. blue"
    inside = {"q": "Which? (A) a cat (B) a dog", "t": "(B)"}
    folder = table_task(file, {"question": "q", "options": {"within": True, "shown": None}, "answer": "t"})
    (folder / "rows.jsonl").write_text(json.dumps(inside), encoding="utf-8")
    (one,) = load_task(str(folder)).samples
    assert (one.options, one.target, words(one)) == (("a cat", "a dog"), "a dog", inside["q"])
    folder = table_task(file, {"question": "q", "answer": {"column": "t", "kind": "list"}}, scorer="exact_match")
    (folder / "rows.jsonl").write_text(json.dumps({"q": "How many?", "t": ["5", "five"]}), encoding="utf-8")
    (one,) = load_task(str(folder)).samples
    assert (one.target, one.accepted) == ("5", ("five",))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"column": "t"}, "is a letter and another option's text"),
        ({"column": "n"}, "for a position say `kind: index`"),
        ({"column": "n", "kind": "index"}, "no index of 2 options"),
        ({"column": "none"}, "no answer in the column"),
    ],
)
def test_an_answer_that_could_mean_two_things_is_refused(table_task: Write, answer: object, says: str) -> None:
    folder = table_task({"files": "rows.jsonl"}, {"question": "q", "options": ["A", "B"], "answer": answer})
    row = {"q": "Which letter?", "A": "B", "B": "A", "t": "A", "n": 3, "none": None}
    (folder / "rows.jsonl").write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(DataError, match=says) as caught:
        load_task(str(folder))
    assert "the columns are q, A, B, t, n, none" in str(caught.value) and "q: Which letter?" in str(caught.value)


def test_a_column_that_is_not_there_is_named_with_those_that_are(table_task: Write) -> None:
    folder = table_task({"files": "rows.jsonl"}, {"question": "prompt", "answer": "gold", "images": "image_*"})
    (folder / "rows.jsonl").write_text(json.dumps({"question": "Why?", "answer": "x"}), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_task(str(folder))
    said = str(caught.value)
    assert "question: no column 'prompt'" in said and "answer: no column 'gold'" in said
    assert "images: no column 'image_*'" in said and "the columns are question, answer" in said


def test_a_tsv_with_base64_pictures_lists_of_them_and_pictures_of_other_rows(table_task: Write) -> None:
    encoded = [base64.b64encode(drawn(number)).decode() for number in range(3)]
    lines = [
        ["index", "image", "image_path", "question", "A", "B", "answer", "category"],
        ["0", "2", "", "Same picture?", "yes", "no", "A", "x"],
        ["1", str(encoded[:2]), "", "Two?", "yes", "no", "B", "x"],
        ["2", encoded[2], "", "One?", "yes", "no", "B", "y"],
        ["3", "", "p.png", "On disk?", "yes", "no", "B", "y"],
    ]
    columns = {
        "id": "index",
        "question": "question",
        "images": "image|image_path",
        "options": ["A", "B"],
        "answer": "answer",
        "tags": "category",
    }
    folder = table_task({"files": "quiz.tsv"}, columns)
    text = "\n".join("\t".join(f'"{c}"' if "[" in c else c for c in line) for line in lines)
    (folder / "quiz.tsv").write_text(text, encoding="utf-8")
    (folder / "p.png").write_bytes(drawn(9))
    samples = load_task(str(folder)).samples
    assert [sample.id for sample in samples] == ["0", "1", "2", "3"]
    assert [[i.sha256 for i in sample.images] for sample in samples] == [
        [sha(drawn(2))],
        [sha(drawn(0)), sha(drawn(1))],
        [sha(drawn(2))],
        [sha(drawn(9))],
    ]
    assert samples[3].target == "no" and samples[3].tags == ("y",)


def test_openai_messages_with_pictures_in_parts_by_path_and_data_address(table_task: Write) -> None:
    inline = f"data:image/png;base64,{base64.b64encode(drawn(1)).decode()}"
    row = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Compare "},
                    {"type": "image_url", "image_url": {"url": "a.png", "detail": "low"}},
                    {"type": "text", "text": " with "},
                    {"type": "image_url", "image_url": {"url": inline}},
                ],
            },
            {"role": "assistant", "content": "The first is darker."},
            {"role": "user", "content": "Why?"},
        ],
        "answer": "light",
    }
    folder = table_task({"files": "chat.jsonl"}, {"turns": "messages", "answer": "answer"}, scorer="contains")
    (folder / "chat.jsonl").write_text(json.dumps(row), encoding="utf-8")
    (folder / "a.png").write_bytes(drawn(0))
    (sample,) = load_task(str(folder)).samples
    assert (words(sample), words(sample, 1)) == ("Compare [0] with [1]", "Why?")
    assert (sample.turns[0].reference, sample.target, sample.fields["system"]) == (
        "The first is darker.",
        "light",
        "Be brief.",
    )


def test_messages_as_text_with_numbered_marks_and_a_column_for_each_picture(table_task: Write) -> None:
    said = [
        {"role": "user", "content": "Compare <image 2> with <image 1>."},
        {"role": "assistant", "content": "Lighter."},
        {"role": "user", "content": "And <image 3>?"},
    ]
    row = {"messages": json.dumps(said), "image_1": "1.png", "image_2": "2.png", "image_3": "3.png", "answer": "dark"}
    folder = table_task(
        {"files": "chat.jsonl"}, {"turns": "messages", "images": "image_*", "answer": "answer"}, scorer="contains"
    )
    (folder / "chat.jsonl").write_text(json.dumps(row), encoding="utf-8")
    for number in (1, 2, 3):
        (folder / f"{number}.png").write_bytes(drawn(number))
    (sample,) = load_task(str(folder)).samples
    assert [[i.relpath for i in turn.images] for turn in sample.turns] == [["2.png", "1.png"], ["3.png"]]


def test_webdataset_arrow_and_saved_folders(table_task: Write, tmp_path: Path) -> None:
    import pyarrow as pa

    folder = table_task(
        {"files": "shard-*.tar"},
        {"id": "__key__", "question": "json.q", "images": "png", "options": "json.o", "answer": "json.a"},
    )
    with tarfile.open(folder / "shard-000.tar", "w") as tar:
        for number in range(2):
            meta = json.dumps({"q": f"No. {number}?", "o": ["up", "down"], "a": "B"}).encode()
            for ending, data in (("json", meta), ("png", drawn(number))):
                info = tarfile.TarInfo(f"s/{number:03}.{ending}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    one, two = load_task(str(folder)).samples
    assert (one.id, words(one), two.images[0].sha256) == ("s/000", "[0]No. 0?\nA. up\nB. down", sha(drawn(1)))
    saved = folder / "saved" / "test"
    saved.mkdir(parents=True)
    table = pa.Table.from_pylist([{"q": "Q", "o": ["up", "down"], "a": "A"}])
    with pa.OSFile(str(saved / "data-00000-of-00001.arrow"), "wb") as out, pa.ipc.new_stream(out, table.schema) as file:
        file.write_table(table)
    (saved / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    (folder / "saved" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    table_task({"files": "saved", "split": "test"}, {"question": "q", "options": "o", "answer": "a"})
    (sample,) = load_task(str(folder)).samples
    assert sample.target == "up"
    table_task({"files": "saved", "split": "dev"}, {"question": "q", "options": "o", "answer": "a"})
    with pytest.raises(ContentError, match="no split 'dev'; it has train, test"):
        load_task(str(folder))


def test_pictures_in_a_zip_by_the_paths_of_a_dialogue(table_task: Write) -> None:
    row = {
        "id": 5,
        "image": ["/pics/a.png", "/pics/b.png"],
        "conversations": [
            {"from": "user", "value": "Look at <ImageHere>."},
            {"from": "assistant", "value": "A dark one."},
            {"from": "user", "value": "And <ImageHere>?"},
            {"from": "assistant", "value": "A light one."},
        ],
    }
    folder = table_task(
        {"files": "bench.json", "archives": "pics.zip"},
        {"id": "id", "images": "image", "turns": {"column": "conversations", "role": "from", "text": "value"}},
        scorer=None,
        metrics=["judge_score"],
        judges=["demon"],
    )
    (folder / "bench.json").write_text(json.dumps({"first": row}), encoding="utf-8")
    with zipfile.ZipFile(folder / "pics.zip", "w") as file:
        file.writestr("pics/a.png", drawn(0))
        file.writestr("b.png", drawn(1))
    (sample,) = load_task(str(folder)).samples
    assert (words(sample), words(sample, 1)) == ("Look at [0].", "And [0]?")
    assert [turn.reference for turn in sample.turns] == ["A dark one.", "A light one."]
    assert [image.sha256 for turn in sample.turns for image in turn.images] == [sha(drawn(0)), sha(drawn(1))]


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        ("../../etc/passwd", "leaves the data folder"),
        ("https://example.org/a.png", "nothing is fetched"),
        ("gone.png", "missing file gone.png"),
        ("data:image/png;base64,@@@@", "base64 is damaged"),
    ],
)
def test_pictures_that_strangers_name_elsewhere_are_refused(table_task: Write, picture: str, says: str) -> None:
    folder = table_task({"files": "rows.jsonl"}, {"question": "q", "images": "p", "options": "o", "answer": "a"})
    row = {"q": "?", "p": picture, "o": ["x", "y"], "a": "A"}
    (folder / "rows.jsonl").write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(DataError, match=says):
        load_task(str(folder))


def test_rows_with_fewer_marks_than_pictures(table_task: Write) -> None:
    row = {"q": "Which is like <image>?", "p": ["a.png", "b.png"], "o": ["x", "y"], "a": "A"}
    columns = {"question": "q", "images": "p", "options": "o", "answer": "a"}
    folder = table_task({"files": "rows.jsonl"}, columns)
    (folder / "rows.jsonl").write_text(json.dumps(row), encoding="utf-8")
    for number, name in enumerate(("a.png", "b.png")):
        (folder / name).write_bytes(drawn(number))
    with pytest.raises(DataError, match="1 <image> in the text for 2 images"):
        load_task(str(folder))
    table_task({"files": "rows.jsonl"}, {**columns, "marks": "front"})
    (sample,) = load_task(str(folder)).samples
    assert words(sample) == "[0]Which is like [1]?\nA. x\nB. y"


def test_a_link_in_the_users_own_folder_is_followed(table_task: Write, tmp_path: Path) -> None:
    folder = table_task({"files": "rows.jsonl"}, {"question": "q", "images": "p", "options": "o", "answer": "a"})
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    (blobs / "x").write_bytes(drawn(0))
    (blobs / "y").write_text(json.dumps({"q": "?", "p": "a.png", "o": ["x", "y"], "a": "A"}), encoding="utf-8")
    (folder / "a.png").symlink_to(blobs / "x")
    (folder / "rows.jsonl").symlink_to(blobs / "y")
    (sample,) = load_task(str(folder)).samples
    assert sample.images[0].sha256 == sha(drawn(0))
