from voiceserver.utterance import Utterance


def test_its_text_is_what_is_known_of_each_segment_behind_what_it_resumes() -> None:
    utterance = Utterance(2, 0, prefix="what time is it")
    utterance.partials[0] = "in"
    utterance.segment = 1
    utterance.partial = "lon"
    assert (utterance.own_text(), utterance.text()) == ("in lon", "what time is it in lon")
    utterance.finals[1] = "london"
    assert utterance.text() == "what time is it in london"
    assert not utterance.transcribed
    utterance.finals[0] = ""
    assert (utterance.text(), utterance.transcribed) == ("what time is it london", True)


def test_its_words_are_those_that_the_recogniser_does_not_doubt() -> None:
    utterance = Utterance(1, 0, partial="stop it", stable_chars=4)
    assert (utterance.words(), utterance.is_stable, utterance.is_final) == (("stop",), False, False)
    utterance.finals[0] = "Stop it."
    assert (utterance.words(), utterance.is_stable, utterance.is_final) == (("stop", "it"), True, True)


def test_each_segment_has_a_length_of_its_own() -> None:
    assert Utterance(1, 1000, last_speech_ns=1700).spoken_ns == 700
