"""A metric of one's own: a dialogue is worth what its worse answer is worth."""

from sparkles_eval import metric


@metric(title="Worse answer", needs="judge")
def worst_turn(scores):
    """Mean over dialogues of the lower of the turns' mean ratings: one good answer does not make up for a bad one."""
    return min(scores.turn(number) for number in scores.turns)


@metric(title="Good throughout", needs="judge", unit="percent")
def good_throughout(scores):
    """Share of dialogues in which no rating is below 7."""
    return min(scores.values.values()) >= 7
