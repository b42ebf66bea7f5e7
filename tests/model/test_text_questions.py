"""Words, questions and excerpts: the rules that both engines share."""

import pytest

from filmroom.errors import InvalidInput
from filmroom.model.excerpt import excerpts, joined
from filmroom.model.text_search import LONGEST_QUESTION, Phrase, TextQuestion, parse_question
from filmroom.model.words import LONGEST_WORD, placed_words, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Thorax, left <5/8>", ["thorax", "left", "5", "8"]),
        ("TCGA-02-0003", ["tcga", "02", "0003"]),
        ("1.2.840.10008.1 2.5mm v1.2", ["1.2.840.10008.1", "2.5", "mm", "v1", "2"]),
        ("lung_screening", ["lung", "screening"]),
        ("Müller^Jürgen", ["muller", "jurgen"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("ΚΕΦΑΛΗ κεφαλή", ["κεφαλη", "κεφαλη"]),
        ("山田^太郎", ["山", "田", "太", "郎"]),
        ("ﬁbrosis ½ ℀", ["fibrosis", "ac"]),
        ("a\u2028b\u00a0c\u3000d", ["a", "b", "c", "d"]),
        ("\ud800x\udfff", ["x"]),
        ("x" * 500, ["x" * LONGEST_WORD]),
        ("", []),
        (" .-*'\"\\()", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words
    assert [word for _, _, word in placed_words(text)] == words


def test_places_are_those_of_the_text_itself() -> None:
    text = "Größe: 2.5 mm"
    assert [text[begin:end] for begin, end, _ in placed_words(text)] == ["Größe", "2.5", "mm"]


def asked(*clauses: tuple[Phrase, ...]) -> TextQuestion:
    return TextQuestion(clauses)


LUNG, BRAIN = Phrase(("lung",)), Phrase(("brain",))


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Lung BRAIN", asked((LUNG,), (BRAIN,))),
        ("lung AND brain", asked((LUNG,), (BRAIN,))),
        ("lung OR brain", asked((LUNG, BRAIN))),
        ("lung OR OR brain OR", asked((LUNG, BRAIN))),
        ("OR lung", asked((LUNG,))),
        ("lung lung", asked((LUNG,))),
        ("lung or brain", asked((LUNG,), (Phrase(("or",)),), (BRAIN,))),
        ('"lung brain"', asked((Phrase(("lung", "brain")),))),
        ('"lung brain"*', asked((Phrase(("lung", "brain"), True),))),
        ("bra*", asked((Phrase(("bra",), True),))),
        ("b*", asked((Phrase(("b",)),))),
        ("1.3.6.*", asked((Phrase(("1.3.6",), True),))),
        ("TCGA-02*", asked((Phrase(("tcga", "02"), True),))),
        ('lung "brain', asked((LUNG,), (BRAIN,))),
        ('"" * ( ) NEAR(', asked((Phrase(("near",)),))),
        ("", asked()),
        ("***", asked()),
    ],
)
def test_questions(text: str, question: TextQuestion) -> None:
    assert parse_question(text) == question


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"w{n}" for n in range(17)),
        " OR ".join(f"w{n}" for n in range(17)),
        '"' + "a " * 65 + '"',
        "x" * (LONGEST_QUESTION + 1),
    ],
)
def test_what_is_too_long_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="at most"):
        parse_question(text)


def test_an_excerpt_marks_words_and_nothing_else_is_markup() -> None:
    values = ["CT", '<script>Thorax & "left" lung</script>', "lung"]
    assert excerpts(values, [LUNG]) == [
        "&lt;script&gt;Thorax &amp; &quot;left&quot; <em>lung</em>&lt;/script&gt;"
    ]


def test_an_excerpt_shows_every_phrase_once() -> None:
    values = ["lung lungs", "a brain", "other", "brain"]
    assert excerpts(values, [Phrase(("lung",), True), BRAIN]) == [
        "<em>lung</em> <em>lungs</em>",
        "a <em>brain</em>",
    ]


def test_a_phrase_is_marked_where_its_words_follow_each_other() -> None:
    phrase = Phrase(("left", "lung"))
    assert excerpts(["lung left", "lung Left-Lung left"], [phrase]) == [
        "lung <em>Left</em>-<em>Lung</em> left"
    ]


def test_long_values_are_cut_around_the_word() -> None:
    [piece] = excerpts(["x " * 500 + "lung" + " y" * 500], [LUNG])
    assert piece.startswith("…")
    assert piece.endswith("…")
    assert "<em>lung</em>" in piece
    assert len(piece) < 300


def test_equal_pieces_are_told_once() -> None:
    assert joined(["a", "b", "a"]) == "a … b"
