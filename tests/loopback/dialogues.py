"""Dialogues as loopback models write them when they are asked to make some: right in content, loose in form.

The form depends on the question alone: JSON that is fenced, quoted like Python, cut off, nested, said in other names,
and now and then wrong in what it says. Whoever is asked to mend a reply does. Knows only what the prompt says.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from tests.loopback.question import Question

Message: TypeAlias = dict[str, object]
Dialogue: TypeAlias = list[Message]

_CANDIDATE = re.compile(r'^(\{"image_id": .*?\})\s*$', re.MULTILINE)
_WANTED = re.compile(r"^- dialogue \d+: (.+); \d+ messages$", re.MULTILINE)
_COUNT = re.compile(r"(\d+) new image")
_CAPTION = "Describe this image in one paragraph"

_TASKS = (
    "write a limerick inspired by {images}",
    "compare the balance of {images}",
    "suggest a title for {images}",
    "plan a treasure hunt around {images}",
    "explain which of {images} would suit a nursery",
    "describe the rhythm that {images} would have as music",
    "choose between {images} for the cover of a calendar",
    "invent a riddle whose answer hides in {images}",
    "arrange {images} into a short tale",
    "name a scent for {images}",
    "tell me what a detective would notice first in {images}",
    "design a board game on the ground of {images}",
    "judge the contrast in {images} as a photographer would",
    "draft a postcard from {images}",
    "teach a beginner how to sketch {images}",
    "guess the season of {images}",
)
_FOR = (
    "for my grandmother",
    "in the tone of a radio host",
    "before we print it",
    "for a quiet afternoon",
    "as if you were twelve",
    "and keep it honest",
    "with a surprising end",
    "for the school paper",
    "so that nobody falls asleep",
    "without rhymes",
    "and say why",
    "for a club of collectors",
)
_NEXT = (
    "Here comes {images}. Would it change your mind, or what would you add to the first part",
    "My neighbour proposes {images} instead. Where does it agree with what you said, and where not",
    "Put {images} behind it. How would the whole then end",
    "And {images}? Weigh it against the earlier one, please",
    "Suppose that {images} came first. Which of your points would still hold",
    "Someone sent {images} this morning. Tell me how it belongs to the rest",
)


def draw(*parts: object) -> int:
    """A number that depends on the parts alone."""
    return int.from_bytes(hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()[:6])


def written(question: Question) -> str | None:
    """The reply to a prompt for dialogues or for a caption; None where neither is asked for."""
    asked = "\n".join(text for role, text in question.texts if role == "user")
    if _CAPTION in question.last and question.images:
        return _caption(question)
    if "CANDIDATES" not in asked or not (wanted := _WANTED.findall(question.last)):
        return None
    listed = asked[asked.index("CANDIDATES") :]
    offered = [json.loads(found) for found in _CANDIDATE.findall(listed)]
    made = _dialogues(offered, [[int(n) for n in _COUNT.findall(turns)] for turns in wanted], question.key)
    if "WANTED AGAIN" in question.last or question.schema is not None:
        return json.dumps({"dialogues": [{"dialogue": dialogue} for dialogue in made]})
    return SHAPES[draw("shape", question.key) % len(SHAPES)](made)


def _caption(question: Question) -> str:
    colours = ("red", "blue", "green", "yellow", "orange", "purple")
    number = draw("caption", question.images[0])
    return (
        f"A calm scene with {number % 4 + 1} {colours[number % 6]} shapes in the foreground and a wide, light ground "
        f"behind them. The largest stands on the {'left' if number % 2 else 'right'}; the light comes from above, and "
        "nothing moves. The mood is friendly and a little dreamy, as on a page of a picture book."
    )


def _dialogues(offered: Sequence[dict[str, str]], wanted: Sequence[Sequence[int]], key: str) -> list[Dialogue]:
    """Dialogues with the wanted numbers of images, each image used once as long as there are any left."""
    made = []
    at = 0
    for number, turns in enumerate(wanted):
        dialogue: Dialogue = []
        before: list[dict[str, str]] = []
        for turn, count in enumerate(turns):
            new = [offered[(at + place) % len(offered)] for place in range(count)]
            at += count
            dialogue += [_question(new, turn, (key, number)), _answer(new, before, (key, number, turn))]
            before += new
        made.append(dialogue)
    return made


def _question(new: Sequence[dict[str, str]], turn: int, draw_by: object) -> Message:
    names = " and ".join(f"IMAGE#{image['image_id']}" for image in new)
    if turn == 0:
        task = _TASKS[draw("task", draw_by) % len(_TASKS)]
        words = f"Could you {task} {_FOR[draw('for', draw_by) % len(_FOR)]}?"
    else:
        words = f"{_NEXT[draw('next', draw_by) % len(_NEXT)]} {_FOR[draw('then', draw_by) % len(_FOR)]}?"
    ids = [image["image_id"] for image in new]
    return {"role": "user", "content": words.replace("{images}", names), "images": ids}


def _answer(new: Sequence[dict[str, str]], before: Sequence[dict[str, str]], draw_by: object) -> Message:
    seen = " ".join(f"IMAGE#{image['image_id']} shows this: {image.get('caption', 'a scene')}" for image in new)
    back = f" Beside IMAGE#{before[0]['image_id']} it looks calmer." if before else ""
    idea = f"I would begin with its {('middle', 'edge', 'light', 'ground')[draw('idea', draw_by) % 4]}."
    words = (
        f"Gladly. {seen}{back} {idea} What holds it together is how much room is left around each thing, and that one "
        "thing is always larger than the others. If you take that up, the rest follows by itself, and nobody will ask "
        "why it was done this way."
    )
    return {"role": "assistant", "content": words}


# --- forms -------------------------------------------------------------------------------------------


def _plain(made: list[Dialogue]) -> str:
    return json.dumps({"dialogues": [{"dialogue": dialogue} for dialogue in made]})


def _fenced(made: list[Dialogue]) -> str:
    return f"Sure! Here they are:\n\n```json\n{json.dumps(made, indent=2)}\n```\nLet me know if you need more."


def _python(made: list[Dialogue]) -> str:
    return repr([{"dialogue": dialogue, "done": True, "note": None} for dialogue in made])


def _caption_key(made: list[Dialogue]) -> str:
    return json.dumps([[{"caption": m["content"], "role": m["role"], **_rest(m)} for m in d] for d in made])


def _one_by_one(made: list[Dialogue]) -> str:
    return "\n\n".join(f"Dialogue {number}:\n{json.dumps(d)}" for number, d in enumerate(made, 1))


def _messages_alone(made: list[Dialogue]) -> str:
    return "\n".join(json.dumps(message) for dialogue in made for message in dialogue)


def _trailing(made: list[Dialogue]) -> str:
    return _plain(made).replace("]}", ",]}").replace('"user", ', '"user" , ,')


def _bare_keys(made: list[Dialogue]) -> str:
    return re.sub(r'"(role|content|images|dialogues|dialogue)":', r"\1:", _plain(made))


def _curly(made: list[Dialogue]) -> str:
    return re.sub(r'"([^"]*)"', "\N{LEFT DOUBLE QUOTATION MARK}\\1\N{RIGHT DOUBLE QUOTATION MARK}", _plain(made))


def _other_names(made: list[Dialogue]) -> str:
    named = [
        [
            {
                "from": "human" if m["role"] == "user" else "gpt",
                "value": str(m["content"]).replace("IMAGE#", "Image #"),
                **_pictures(m),
            }
            for m in d
        ]
        for d in made
    ]
    return json.dumps({"conversations": named})


def _cut(made: list[Dialogue]) -> str:
    text = _plain(made)
    return text[: int(len(text) * 0.9)]


def _thinking(made: list[Dialogue]) -> str:
    return f'<think>First I draft [{{"role": "user"}}] and count the images.</think>\n{_plain(made)}'


def _unknown_image(made: list[Dialogue]) -> str:
    return _plain(made).replace("IMAGE#", "IMAGE#9").replace('"images": ["', '"images": ["9', 1)


def _unmentioned(made: list[Dialogue]) -> str:
    made[-1][0]["content"] = "What do these two have in common, and which of them would you keep on the wall?"
    return _plain(made)


def _prose(made: list[Dialogue]) -> str:
    return "User: What do you see?\nAssistant: " + str(made[0][1]["content"])


def _rest(message: Message) -> Message:
    return {name: value for name, value in message.items() if name not in ("role", "content")}


def _pictures(message: Message) -> Message:
    images = message.get("images")
    return {"images": [{"image_id": f"IMAGE#{i}"} for i in images]} if isinstance(images, list) else {}


SHAPES: tuple[Callable[[list[Dialogue]], str], ...] = (
    _plain,
    _fenced,
    _python,
    _caption_key,
    _one_by_one,
    _messages_alone,
    _trailing,
    _bare_keys,
    _curly,
    _other_names,
    _cut,
    _thinking,
    _unknown_image,
    _unmentioned,
    _prose,
)
"""Every form, each as likely as any other."""
