"""What is taken out of an answer to lower its degree: phrases as RAKE scores them, in shares that can be told apart."""

import pytest

from prefloop.feedback.key_content import degraded, key_phrases

TEXT = (
    "The old harbour lay quiet in the rain, and the boats were not yet back. Boats don't wait; "
    "the crew's rain coats do."
)


def words(text):
    return [phrase.words for phrase in key_phrases(text)]


def test_phrases_end_at_stop_words_and_punctuation_and_are_scored_by_the_company_their_words_keep():
    """degree / frequency: rain 3 / 2, coats 2, boats 2 / 2; of the four words of the longest, 4 each."""
    found = words(TEXT)
    assert found[0] == ("old", "harbour", "lay", "quiet")
    assert ("crew", "rain", "coats") in found
    assert ("don",) not in found
    assert found.index(("crew", "rain", "coats")) < found.index(("rain",)) < found.index(("boats",))
    assert [p for p in found if p == ("boats",)] == [("boats",)] * 2


def test_a_text_without_content_has_no_phrase_and_no_lower_degree():
    for text in ("", "   ", "So it is, and was.", "...", "\n"):
        assert words(text) == []
        assert degraded(text, 4) == [text, None, None, None]


def test_the_most_telling_phrases_go_first_and_the_rest_of_the_text_stays_as_it_was():
    whole, least, more, most = degraded(TEXT, 4)
    assert whole == TEXT
    assert least.startswith("The in the rain, and the boats were not yet back.")
    assert TEXT.endswith(";" + least.partition(";")[2].replace("the do.", "the crew's rain coats do."))
    assert len(whole) > len(least) > len(more) > len(most)
    assert [len(words(text)) for text in (whole, least, more, most)] == [7, 5, 3, 2]


@pytest.mark.parametrize("degrees", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("phrases", range(1, 20))
def test_every_degree_that_is_there_is_the_share_taken_out_to_the_nearest(phrases, degrees):
    text = ", ".join(f"word{n}" for n in range(phrases))
    for degree, lesser in enumerate(degraded(text, degrees)):
        if lesser is not None:
            out = phrases - len(words(lesser))
            assert 2 * abs(out * degrees - degree * phrases) <= min(phrases, degrees)  # to the nearest, either way
            assert out < phrases
    assert None not in degraded(text, degrees) or phrases < degrees
    assert len(set(filter(None, degraded(text, degrees)))) == sum(x is not None for x in degraded(text, degrees))


def test_letters_of_any_alphabet_are_words():
    assert words("Der Kai lag, le café était fermé") == [("le", "café", "était", "fermé"), ("der", "kai", "lag")]


def test_the_same_text_is_lowered_in_the_same_way():
    assert degraded(TEXT, 4) == degraded(TEXT, 4)
    assert degraded("The boat\u2019s crew, the Boat's crew", 2)[1] == "The, the Boat's crew"
