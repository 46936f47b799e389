"""Patterns of the clauses that state an answer. In a clause, every option is replaced by one sign.

A clause counts only where a pattern covers it from its first word to its last. Anything that no pattern covers (a
doubt, a part, another picture) is not a statement, so the ways of not giving an answer need not be listed.
"""

# ruff: noqa: E501 - a pattern is read as one line
from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

BASE = 0xE000
"""In a clause, the character BASE + k replaces option k."""
MOST = 2000
"""The largest number of options that can be read."""


class Strength(IntEnum):
    """How plainly a clause states an answer; a weaker statement never contradicts a stronger one."""

    IMPLIED = 1
    """A conclusion or a lone sentence ends with it: "so the missing piece is red"."""
    CALLED = 2
    """The option is called the right one: "IMAGE#2 matches the caption better"."""
    STATED = 3
    """It is named as the answer: "the answer is B", "the statement is false", an option alone."""
    FINAL = 4
    """It is marked as the final answer: a box, an answer tag, "final answer:"."""


@dataclass(frozen=True, slots=True)
class StatedOption:
    """What one clause states."""

    option: str
    """The sign of the option."""
    denied: bool
    strength: Strength
    alone: bool = False
    """True where the clause is the option and nothing else."""
    compared: bool = False
    """True where another option is called worse: of two options, that states this one."""
    supposed: bool = False
    """True for "the answer would be B", which is not plain after an opening that may be a condition."""


def _any(words: str) -> str:
    return "(?:" + "|".join(re.escape(word).replace(r"\ ", " ") for word in words.split("|")) + ")"


def _each(text: str) -> str:
    """A pattern for a language without spaces, in which every character is a word of a clause."""
    return re.sub("([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])", r"\1 ", text)


_M = f"[{chr(BASE)}-{chr(BASE + MOST)}]"
_NOT = "(?P<neg>(?:(?:not|never) )*)"
_ADV = (
    "(?:(?:really|clearly|definitely|indeed|actually|in fact|just|simply|likely|probably|certainly|obviously|evidently|"
    "completely|entirely|absolutely|overall|finally|therefore|thus|hence|then|surely|undoubtedly|exactly|precisely|"
    "still|now|hereby|ultimately|most|very|strictly|of course|in conclusion|in summary|factually|logically) )*"
)
_KIND = "(?:option|choice|letter|answer|number|label|image|picture|alternative|candidate|item|case)"
_DET = f"(?:the |an? |my |our )?(?:{_KIND} )?(?:: )?(?:text |textbf |mathrm |boxed |quoted )*(?:\\( )?"
_CLOSE = "(?: \\))*"
_ADJ = (
    "(?:(?:final|correct|right|best|better|only|overall|most|more|appropriate|likely|suitable|accurate|closest|true|"
    "matching|chosen|selected|proper|clear|stronger|strongest|single|one|perfect|exact|ideal|fitting|"
    "preferred|actual|short|probable|plausible|logical|reasonable|consistent|precise|winning|predicted) )*"
)
_ANSWER = (
    "(?:answer|ans|choice|option|selection|verdict|conclusion|prediction|pick|decision|solution|response|result|"
    "judgment|judgement|label|letter|vote|guess|output|winner|evaluation|classification)"
)
_THING = "(?:match|image|picture|one|fit|candidate|photo|photograph|alternative|caption|description|statement|number)"
_CAPTION = (
    "(?:(?:to |with |of |for |in )?(?:the |this |that |given |provided |above |your |its |our )*"
    "(?:caption|description|statement|text|sentence|query|question|prompt|phrase|hypothesis|claim|scene|details?|"
    "requirements?|criteria|content)(?: (?:quoted|given|provided|above|here))?)"
)
_RELATED = (
    "(?: (?:that|which|to|for|of|in|from|among|based|on|with|by|matches|match|matching|best|better|most|closely|"
    "accurately|the|a|this|these|those|given|above|provided|caption|description|statement|question|image|images|"
    "picture|pictures|pair|two|all|four|options|option|choices|answers|problem|sentence|text|query|here|describes|described|"
    "corresponds|corresponding|fits|fit|is|are|my|analysis|observation|i|would|choose|quoted|and|it|would|then|above|"
    "both|task|asked|as|follows)){0,14}"
)
_BE = (
    "(?:is|are|was|:|=|\u2192|is :|are :|would be|should be|must be|has to be|will be|can only be|seems to be|appears to be|"
    "seems|appears|remains|becomes|equals|turns out to be|can be|comes out as|is therefore|is thus|is clearly|is indeed|-|"
    "> -|is > -)"
)
_PRE = (
    "(?:(?:and|so|therefore|thus|hence|but|then|now|ok|okay|well|yes|finally|overall|consequently|accordingly|indeed|"
    "in conclusion|in summary|to conclude|to summarize|in short|in the end|as a result|my|note that|"
    "this means|that means|which means|meaning|it follows|this suggests|this indicates|this implies|we see|we find|"
    "i think|i believe|i conclude|i would say|i am confident|i am sure|i am certain|i find|i say|i can conclude|"
    "we conclude|we can conclude|we can say|we can see|it can be concluded|it is clear|it follows|it seems|it appears|"
    "it looks like|i can say|i can see|i determine|i can confirm|i would conclude|based on this|given this|"
    "for these reasons|for this reason|after all|hmm|ah|oh|sure|certainly|given that|that|,) )*"
)
_HERE = (
    "(?: (?:here|overall|in my opinion|to me|in this case|for this question|for the question|to the question|"
    "in my view|i think|i believe|i would say|then|now|as well as i can see|instead|"
    "(?:based on|given|from|for|in|among|according to) (?:the |these |this |given |both |two |my |provided |above )*"
    "(?:image|images|picture|pictures|caption|options|choices|description|statement|question|information|analysis|"
    "observation|observations|evidence|details)|please|thanks|as (?:the|my) (?:final |correct |best |better )*(?:answer|choice|match)))*"
)
_LESS = f"(?: (?:rather than|instead of|over|and not|not|than|as opposed to|versus|vs|unlike|compared to|, not|but not) {_DET}{_M}{_CLOSE})*"
_OPT = f"(?:{_DET})(?P<m>{_M}){_CLOSE}"
_END = f"{_LESS}{_HERE}"
_OF_TWO = "(?: (?:of the two|among the two|of both|between the two|of all|of the four|of them))?"

_CHOOSE = (
    "(?:i|we|let us|let is|let me)? ?(?:(?:would|will|am|are|have to|must|can|do|should|now|to|hereby|shall|have|be) )*"
    f"{_NOT}{_ADV}(?:to )?"
    "(?:choose|chose|chosen|choosing|pick|picked|picking|select|selected|selecting|go with|going with|went with|go for|"
    "going for|opt for|opting for|opted for|say|answer|answering|prefer|vote for|settle on|settle for|stick with|"
    "sticking with|stay with|staying with|conclude|conclude with|predict|output|respond with|answer with|"
    "change (?:my|the) answer to|changing my answer to|change it to|change to|switch to|correct (?:my answer|this|that|it) to|"
    "revise my answer to|lean towards|submit)"
)
_TRUTH_SUBJECT = (
    "(?:(?:the|this|that|given|provided|above|quoted|overall|whole|entire|following|original) )*"
    "(?:statement|claim|caption|sentence|assertion|description|hypothesis|proposition|premise|it|this|that|answer)"
    "(?: quoted| above| given| here| as a whole| as given| in question)?"
)
_TRUTH_LONG = (
    "(?:the|this) (?:statement|claim|sentence|caption|assertion) (?:that|about|saying|says that)(?: [a-z0-9,']+){1,25}?"
)
_FIT = (
    "(?:match|matches|fit|fits|describes?|corresponds?|aligns?|satisf(?:y|ies)|depicts?|suits?|represents|agrees?|"
    "conforms?|meets|is described by|is consistent|belongs?|is the match|goes|reflects?|captures?|shows)"
)
_WELL = "(?: (?:better|best|more closely|more accurately|perfectly|exactly|closely|well|the best|most closely|most accurately|fully|accurately|correctly|precisely|more|completely))?"
_NUMBER = "(?:there (?:is|are)|i (?:count|see)|we (?:count|see)|the (?:total|count|number|sum)(?: of [a-z]+){0,2} is)"

_STATEMENTS: tuple[tuple[Strength, str], ...] = (
    (
        Strength.FINAL,
        f"(?:the |my )?(?:final|ultimate|definitive) (?:answer|choice|verdict|decision|conclusion){_RELATED} ?{_BE}? ?{_NOT}{_ADV}{_OPT}{_END}",
    ),
    (Strength.STATED, f"{_PRE}(?:the |my |our |your )?{_ADJ}{_ANSWER}{_RELATED} {_BE} {_NOT}{_ADV}{_OPT}{_END}"),
    (
        Strength.STATED,
        f"{_PRE}(?:answer|ans|option|choice|final answer|correct answer|correct option|final choice) {_OPT}{_HERE}",
    ),
    (
        Strength.STATED,
        f"{_PRE}(?:the |my )?(?:final|correct|best|better|closest|matching|most accurate|most likely|most suitable) {_ADJ}{_THING}{_OF_TWO}{_RELATED} {_BE} {_NOT}{_ADV}{_OPT}{_END}",
    ),
    (
        Strength.STATED,
        f"{_PRE}(?:the )?(?:image|picture|one) (?:that|which) (?:best |better |most closely |more closely |accurately )?(?:matches|fits|is described by|corresponds to|shows|depicts) {_CAPTION}(?: best| better| most closely)? {_BE} {_NOT}{_ADV}{_OPT}{_END}",
    ),
    (
        Strength.STATED,
        f"{_PRE}(?:among {_M}(?: [,/] {_M}| (?:and|or) {_M}| , (?:and|or) {_M})* ,? ?)?(?:the (?:best|correct|closest|most likely)|(?:best|correct|closest|most likely) (?:one|option|choice|answer))(?: one| option| choice| answer)? {_BE} {_OPT}{_END}",
    ),
    (Strength.STATED, f"{_PRE}{_CHOOSE} {_OPT}{_END}"),
    (
        Strength.STATED,
        f"{_PRE}(?:it|this|that|they|these|those|both(?: of them)?|the (?:two |both )?(?:images|pictures|ones|objects|scenes|photos)|the two) (?:is|are|must be|should be|has to be|have to be|would be) {_NOT}{_ADV}{_OPT}{_END}",
    ),
    (Strength.STATED, f"{_PRE}(?:{_M} [/,] )*{_M} (?:/|or|,? or) {_M} {_BE} {_OPT}"),
    (Strength.STATED, f"{_PRE}(?:my|our) (?:choice|vote|pick|answer) (?:goes to|falls on|stays|is still) {_OPT}{_END}"),
    (
        Strength.CALLED,
        f"{_PRE}{_OPT} (?:is|are|would be|must be|should be|has to be|seems to be|seems|appears to be|appears|remains) {_NOT}{_ADV}(?:the |an? |my |our )?{_ADJ}(?:correct|right|best|better|answer|match|choice|closest|winner|option|accurate|one|(?:correct |best |better |matching )(?:image|picture)|fit|selection|pick|solution|final answer|way to go|what i would choose|described by{_RELATED})(?: (?:answer|choice|match|option|one|fit))?{_OF_TWO}(?: {_CAPTION})?{_RELATED}{_END}",
    ),
    (
        Strength.CALLED,
        f"{_PRE}(?:it is )?{_OPT}(?: that| which)? (?:(?:does|do|can|could|would) (?P<neg>not ) ?|)(?:(?:clearly|definitely|actually|indeed|best|better|really|just|simply|perfectly|more closely|most closely|accurately) )*{_FIT}(?: (?:the (?:best|better) )?{_CAPTION})?{_WELL}(?: {_CAPTION})?{_OF_TWO}{_END}",
    ),
    (
        Strength.CALLED,
        f"{_PRE}(?:it is )?{_OPT}(?: that| which)? (?:wins|is the winner|works best|stands out as the best match){_END}",
    ),
    (
        Strength.CALLED,
        f"{_PRE}(?:the |this |given )*(?:caption|description|statement|text|sentence|phrase|query|quoted)(?: quoted)? (?:(?:does|do|can|could) (?P<neg>not ) ?|)(?:(?:clearly|definitely|actually|indeed|best|better|really|more closely|most closely|accurately) )*(?:matches|match|describes?|fits?|corresponds?(?: to)?|refers? to|aligns?(?: with)?|belongs? to|goes with|applies to|is about|is describing|is a description of|speaks of) {_OPT}{_WELL}{_END}",
    ),
    (
        Strength.CALLED,
        f"{_PRE}(?:i |we )?(?:would )?(?:label|mark|rate|classify|judge|consider|evaluate|deem)(?:ed)? (?:this|that|it|the statement|the claim|the caption)(?: as| to be)? {_NOT}{_OPT}{_END}",
    ),
)
_TRUTH: tuple[tuple[Strength, str], ...] = (
    (Strength.STATED, f"{_PRE}{_TRUTH_SUBJECT} {_BE} {_NOT}{_ADV}(?:to be )?(?:considered |judged |deemed |labell?ed |marked )?{_OPT}{_END}"),
    (Strength.STATED, f"{_PRE}{_TRUTH_LONG} (?:is|was) {_NOT}{_ADV}{_OPT}{_END}"),
    (Strength.STATED, f"{_PRE}(?:this |that |which |both )*(?:makes|making|make|renders|rendering) (?:the (?:statement|claim|caption|sentence)|it|this) {_NOT}{_OPT}{_END}"),
    (Strength.STATED, f"{_PRE}{_TRUTH_SUBJECT} (?:evaluates to|holds|is evaluated as|is judged|would be|must be|should be) ?(?:as |to be )?{_NOT}{_OPT}{_END}"),
    (Strength.STATED, f"{_PRE}(?P<neg>i (?:do|can) not (?:think|believe|agree|say|find) (?:that )?|we (?:do|can) not (?:think|believe|say) (?:that )?|it is not (?:the case|correct|so) that ){_TRUTH_SUBJECT} (?:is|are|can be) (?P<neg2>not )?{_ADV}{_OPT}{_END}"),
    (Strength.STATED, f"{_PRE}{_TRUTH_SUBJECT} can (?P<neg>not )be {_ADV}{_OPT}{_END}"),
    (Strength.STATED, f"{_PRE}{_TRUTH_SUBJECT} can not be {_M} and (?:is|must be) {_OPT}{_END}"),
)  # fmt: skip
_COMPARED: tuple[tuple[Strength, str], ...] = (
    (Strength.CALLED, f"{_PRE}{_M}{_CLOSE} (?:is|seems|appears|looks) (?:an? |the )?(?:much |far |clearly )?(?:worse|poorer|weaker|less (?:good|suitable|likely|accurate|fitting|close)) (?:match |fit |choice |option |candidate |answer )?(?:{_CAPTION} )?than {_OPT}"),
    (Strength.CALLED, f"{_PRE}{_M}{_CLOSE} (?:matches|fits|describes|corresponds to) (?:{_CAPTION} )?(?:worse|less well|less closely|less accurately) than {_OPT}"),
)  # fmt: skip
_OPEN = (
    "(?!(?:not|never|no|least|less|worst|worse|wrong|incorrect|opposite|unlikely|doubt|if|unless|says?|said|claims?|thinks?|"
    "believes?|might|may|could|would|hardly|only|first|second|left|right|other|some|one|false|true|answer|option|choice|whether|"
    "unclear|almost|nearly|partly|partially|either|neither|nor|or|except)\\b)[a-z0-9']+"
)
_WEAK: tuple[tuple[Strength, str], ...] = (
    (
        Strength.IMPLIED,
        f"(?:the|its|this|that|these|those|both|all)(?: {_OPEN}){{1,8}} (?:is|are|was|equals|must be|should be) {_ADV}(?:the color |the colour )?{_OPT}",
    ),
    (
        Strength.IMPLIED,
        f"(?:[a-z0-9']+ ){{0,4}}?{_NUMBER} {_ADV}{_OPT}(?: of them| in total| in all| altogether| overall)?",
    ),
    (
        Strength.IMPLIED,
        f"(?:it |this |that |which )?(?:looks|seems|appears|sounds)(?: to me)?(?: like| to be)? {_OPT}{_HERE}",
    ),
    (Strength.IMPLIED, f"(?:i |we )?(?:guess|suppose|think|believe)(?: it is| that it is)? {_OPT}{_HERE}"),
)
_ALONE = (
    f"{_PRE}(?:for sure |definitely |clearly |probably |most likely |likely |simply |just |certainly |only )*{_NOT}"
    "(?:the |an? |my )?(?:(?:option|choice|letter|image|picture|number) )?(?:text |textbf |mathrm |boxed )*"
    f"(?P<m>{_M}){_CLOSE}{_LESS}{_HERE}"
)

_LOCAL = {
    "de": r"(?:also |somit |daher |deshalb |folglich |demnach )*(?:die |meine |der |das )?(?:richtige |korrekte |beste |finale |endg\u00fcltige |passende )*(?:antwort|l\u00f6sung|option|wahl|antwortm\u00f6glichkeit|auswahl|ergebnis)(?: ist| lautet| w\u00e4re| :| ist :| lautet :| -)+ (?:die |der |das )?(?:option |antwort |antwortm\u00f6glichkeit |buchstabe )?OPT",
    "de2": r"(?:richtig|korrekt) (?:ist|w\u00e4re)(?: :| also)? (?:die |der )?(?:option |antwort )?OPT|ich (?:w\u00e4hle|nehme|entscheide mich f\u00fcr) (?:die )?(?:option |antwort )?OPT|(?:die )?(?:option |antwort )?OPT ist (?:die )?(?:richtig|korrekt|richtige antwort|korrekte antwort|richtige option|richtige wahl)|es ist (?:die )?(?:option |antwort )?OPT",
    "fr": r"(?:donc |ainsi |alors |par cons\u00e9quent |en conclusion )*(?:,? ?)(?:la |ma |le |l')?(?:bonne |meilleure |bon |meilleur )*(?:r\u00e9ponse|reponse|l'option|option|choix|solution|proposition)(?: correcte| exacte| finale| juste| correct| final)*(?: est| :| est :| serait| c'est| -)+ (?:la |le )?(?:r\u00e9ponse |l'option |option |lettre |l'image )?OPT",
    "fr2": r"(?:je )(?:choisis|s\u00e9lectionne|r\u00e9ponds|dirais|prends|opte pour) (?:la |le )?(?:r\u00e9ponse |l'option |option )?OPT|(?:la |le )?(?:r\u00e9ponse |l'option |option )?OPT est (?:la |le |l'option )?(?:correcte?|bonne r\u00e9ponse|r\u00e9ponse correcte|bon choix|bonne option|exacte?|juste)|c'est (?:la |le )?(?:r\u00e9ponse |l'option )?OPT",
    "es": r"(?:entonces |por lo tanto |por tanto |as\u00ed que |luego |,? ?)*(?:la |el |mi )?(?:mejor )?(?:respuesta|opci\u00f3n|opcion|alternativa|soluci\u00f3n|elecci\u00f3n|resultado)(?: correcta| final| adecuada| correcto| es correcta)*(?: es| :| es :| ser\u00eda| -)+ (?:la |el )?(?:opci\u00f3n |respuesta |letra |alternativa |imagen )?OPT",
    "es2": r"(?:yo )?(?:elijo|escojo|selecciono|opto por|elegir\u00eda|respondo) (?:la )?(?:opci\u00f3n |respuesta )?OPT|(?:la |el )?(?:opci\u00f3n |respuesta |letra )?OPT es (?:la |el )?(?:correct[ao]|respuesta correcta|opci\u00f3n correcta|mejor opci\u00f3n|mejor respuesta|respuesta)|es (?:la )?(?:opci\u00f3n |letra )?OPT",
    "it": r"(?:quindi |dunque |pertanto |perci\u00f2 |,? ?)*(?:la |il |l'|mia )*(?:migliore )?(?:risposta|opzione|l'opzione|soluzione|scelta|alternativa)(?: corretta| giusta| esatta| finale| migliore)*(?: \u00e8| e'| :| \u00e8 :| sarebbe| -)+ (?:la |il )?(?:opzione |l'opzione |risposta |lettera )?OPT",
    "it2": r"(?:io )?(?:scelgo|seleziono|rispondo|opto per) (?:la )?(?:opzione |l'opzione |risposta )?OPT|(?:la |il )?(?:opzione |l'opzione |risposta |lettera )?OPT \u00e8 (?:la |l')?(?:corrett[ao]|giust[ao]|risposta corretta|risposta giusta|opzione corretta|scelta giusta)",
    "pt": r"(?:portanto |ent\u00e3o |assim |logo |,? ?)*(?:a |o |minha )?(?:melhor )?(?:resposta|op\u00e7\u00e3o|opcao|alternativa|solu\u00e7\u00e3o|escolha|gabarito)(?: correta| certa| final| correto| certo)*(?: \u00e9| :| \u00e9 :| seria| -)+ (?:a |o )?(?:op\u00e7\u00e3o |letra |alternativa |resposta |imagem )?OPT",
    "pt2": r"(?:eu )?(?:escolho|seleciono|opto por|opto pela|respondo) (?:a )?(?:op\u00e7\u00e3o |letra |alternativa )?OPT|(?:a |o )?(?:op\u00e7\u00e3o |resposta |letra |alternativa )?OPT \u00e9 (?:a |o )?(?:corret[ao]|cert[ao]|resposta correta|resposta certa|op\u00e7\u00e3o correta|alternativa correta)|(?:\u00e9 )(?:a )?(?:letra |op\u00e7\u00e3o |alternativa )OPT",
    "ru": r"(?:\u0438\u0442\u0430\u043a |\u0437\u043d\u0430\u0447\u0438\u0442 |\u0441\u043b\u0435\u0434\u043e\u0432\u0430\u0442\u0435\u043b\u044c\u043d\u043e |\u043f\u043e\u044d\u0442\u043e\u043c\u0443 |\u0442\u0430\u043a\u0438\u043c \u043e\u0431\u0440\u0430\u0437\u043e\u043c |,? ?)*(?:\u043c\u043e\u0439 )?(?:\u043f\u0440\u0430\u0432\u0438\u043b\u044c\u043d\u044b\u0439 |\u0432\u0435\u0440\u043d\u044b\u0439 |\u043e\u043a\u043e\u043d\u0447\u0430\u0442\u0435\u043b\u044c\u043d\u044b\u0439 |\u0438\u0442\u043e\u0433\u043e\u0432\u044b\u0439 |\u043b\u0443\u0447\u0448\u0438\u0439 )*(?:\u043e\u0442\u0432\u0435\u0442|\u0432\u0430\u0440\u0438\u0430\u043d\u0442|\u0432\u044b\u0431\u043e\u0440)(?: \u043e\u0442\u0432\u0435\u0442\u0430)?(?: :| -| \u044d\u0442\u043e| - \u044d\u0442\u043e| \u2014)* (?:\u0432\u0430\u0440\u0438\u0430\u043d\u0442 |\u0431\u0443\u043a\u0432\u0430 )?OPT",
    "ru2": r"(?:\u044f )?(?:\u0432\u044b\u0431\u0438\u0440\u0430\u044e|\u0432\u044b\u0431\u0435\u0440\u0443) (?:\u0432\u0430\u0440\u0438\u0430\u043d\u0442 |\u043e\u0442\u0432\u0435\u0442 )?OPT|(?:\u0432\u0430\u0440\u0438\u0430\u043d\u0442 |\u043e\u0442\u0432\u0435\u0442 )?OPT (?:- |\u044d\u0442\u043e )*(?:\u0432\u0435\u0440\u043d\u044b\u0439|\u043f\u0440\u0430\u0432\u0438\u043b\u044c\u043d\u044b\u0439)(?: \u043e\u0442\u0432\u0435\u0442| \u0432\u0430\u0440\u0438\u0430\u043d\u0442)?",
    "zh": _each("(?:因此|所以|综上|综上所述|故|那么|,? ?)*(?:本题|该题|这道题|我)?(?:的)?(?:正确|最终|最佳|最后|标准)?(?:的)?(?:答案|选项|选择|回答|结论)(?:应该|应)?(?:是|为|选|选择)?:? ?(?:选项|图)?OPT(?:选项|项)?"),
    "zh2": _each("(?:因此|所以|综上|综上所述|故|那么|我|,? ?)*(?:应该|应当|应|会|将)?(?:选|选择)(?:的是|是|:)? ?(?:选项)?OPT(?:选项|项)?"),
    "zh3": _each("(?:选项|答案)?OPT(?:选项|项)?(?:是|为)?(?:正确|对)(?:的)?(?:答案|选项)?(?:的)?|(?:正确|对)(?:的)?(?:是|为):? ?(?:选项)?OPT|(?:是|为)(?:选项)?OPT"),
    "ja": _each("(?:したがって|よって|ゆえに|つまり|,? ?)*(?:正しい|最も適切な|最終的な|私の)?(?:正解|答え|回答|解答|選択肢|答)(?:は)?:? ?(?:選択肢)?OPT(?:番)?(?:です|である|だ|となります|になります|でした)?"),
    "ja2": _each("(?:選択肢)?OPT(?:番)?(?:が|は)(?:正解|正しい|正しい答え|正しい選択肢)(?:です|である)?|(?:選択肢)?OPT(?:番)?(?:です|である|を選びます|を選択します|だと思います)"),
    "ko": _each("(?:따라서|그러므로|그래서|결론적으로|,? ?)*(?:제|최종|올바른|맞는|옳은)? ?(?:정답|답|답변|선택지|대답)(?:은|는|이)?:? ?(?:선택지|보기)?(?:은)? ?OPT(?:번)?(?:입니다|이다|예요|이에요|임|로 보입니다)?"),
    "ko2": _each("(?:선택지|보기)? ?OPT(?:번)?(?:이|가) ?(?:정답|맞는답|올바른답|답)(?:입니다|이다)?|(?:선택지|보기)? ?OPT(?:번)?(?:입니다|이다|을 선택합니다|를 선택합니다|을 고르겠습니다)"),
}  # fmt: skip


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when first tried: all of them take a large part of a second, and most texts need a few."""
    return re.compile(pattern)


def _foreign(pattern: str) -> str:
    return f"(?:{pattern.replace('OPT ', 'OPT').replace('OPT', _SIGN)}) ?"


_SIGN = f"(?:\\( )?({_M}) (?:\\) )*"
_FOREIGN = [_foreign(pattern) for pattern in _LOCAL.values()]
_MENTION = re.compile(_M)
_LONGEST = 400
"""Characters of a clause that are read; no statement of an answer is longer."""


def mentions(clause: str) -> list[str]:
    """The signs of the options in a clause."""
    return _MENTION.findall(clause)


def said(clause: str, *, truth: bool) -> StatedOption | None:
    """What a clause states, or None. `truth` says that the options are words for true and false."""
    if len(clause) > _LONGEST or not _MENTION.search(clause):
        return None
    lone = _compiled(_ALONE).fullmatch(clause)
    if lone is not None:
        return StatedOption(lone["m"], _denied(lone), Strength.STATED, alone=True)
    for strength, pattern in (*_STATEMENTS, *(_TRUTH if truth else ())):
        match = _compiled(pattern).fullmatch(clause)
        if match is not None:
            supposed = " would be " in clause
            return StatedOption(
                match["m"], _denied(match), min(strength, Strength.CALLED) if supposed else strength, supposed=supposed
            )
    for strength, pattern in _COMPARED:
        match = _compiled(pattern).fullmatch(clause)
        if match is not None:
            return StatedOption(match["m"], denied=False, strength=strength, compared=True)
    for pattern in _FOREIGN:
        match = _compiled(pattern).fullmatch(f"{clause} ")
        if match is not None:
            sign = next(group for group in match.groups() if group is not None)
            return StatedOption(sign, denied=False, strength=Strength.STATED)
    return None


def implied(clause: str) -> StatedOption | None:
    """The option with which a conclusion ends ("... is red"), or None."""
    if len(clause) > _LONGEST or len(_MENTION.findall(clause)) != 1:
        return None
    for strength, pattern in _WEAK:
        match = _compiled(pattern).fullmatch(clause)
        if match is not None:
            return StatedOption(match["m"], denied=False, strength=strength)
    return None


def _denied(match: re.Match[str]) -> bool:
    groups = match.groupdict()
    first = groups.get("neg") or ""
    count = first.count("not ") + first.count("never ") + bool(groups.get("neg2"))
    return count % 2 == 1
