import json

from msgspec import UNSET, structs

from tests.voicecli.tuning.results import CUT, document, result
from voicecli.tuning.document import CutUtterance, SettingDocument, Tuning, cut_utterances


def test_the_document_says_what_to_choose_what_there_is_and_what_is_on_the_front() -> None:
    told = json.loads(document(3, 3, 0, 0).serialize())
    assert {key: told[key] for key in ("schema", "tolerance", "engines", "sweep", "chosen", "current")} == {
        "schema": "voicecli.tune/1",
        "tolerance": 0.05,
        "engines": {"vad": {"name": "silero", "settings": {}}, "stt": {"name": "scripted", "settings": {}}},
        "sweep": {"silence_ms": [200, 300, 400, 500]},
        "chosen": 2,
        "current": 1,
    }
    assert [(each["values"], each["on_front"]) for each in told["settings"]] == [
        ({"silence_ms": 200}, True),
        ({"silence_ms": 300}, False),
        ({"silence_ms": 400}, True),
        ({"silence_ms": 500}, False),
    ]
    assert told["settings"][0]["utterances"][0] == {
        "fixture": "pause",
        "utterance": 0,
        "waited_ms": 210.0,
        "cuts": [
            {
                "at_ms": 1500.0,
                "into_ms": 1100.0,
                "pause_ms": 700.0,
                "said": "good morning",
                "call_ms": 1500.0,
                "heard_ms": 0.0,
            }
        ],
    }


def test_what_is_not_known_is_absent() -> None:
    told = document(3, sweep=["silence_ms=200"])
    assert (told.chosen, told.current) == (UNSET, UNSET)
    assert {"chosen", "current"} & json.loads(told.serialize()).keys() == set()
    assert "waiting_p95_ms" not in json.loads(told.serialize())["settings"][0]["figures"]


def test_one_swept_setting_is_named_by_its_value_and_several_by_their_row() -> None:
    assert document(1, 0).label(1) == "300"
    several = document(1, 0, sweep=["a=1", "b=true,false"])
    assert (several.label(1), several.title(1)) == ("#2", "a=1 b=false")


def test_who_was_cut_off_is_told_as_it_was_by_the_slowest_setting_of_the_front_the_hardest_first() -> None:
    assert cut_utterances(document(3, 2, 0)) == [
        CutUtterance(
            fixture="pause",
            utterance=number,
            text="good morning what time is it",
            setting=setting,
            cut=CUT,
            by_chosen=False,
            of_settings=of_settings,
        )
        for number, setting, of_settings in ((0, 1, 2), (1, 1, 2), (2, 0, 1))
    ]


def test_who_is_cut_off_by_the_setting_to_choose_comes_first_and_as_it_is_by_that() -> None:
    told = cut_utterances(document(3, 1, 0, tolerance=0.1))
    assert [(each.utterance, each.setting, each.by_chosen) for each in told] == [
        (0, 1, True),
        (1, 0, False),
        (2, 0, False),
    ]


def test_a_setting_that_waits_for_nothing_is_listed_all_the_same() -> None:
    deaf = document(0, 0)
    lost = tuple(result(waited_ms=None) for _ in range(3))
    settings: tuple[SettingDocument, ...] = (structs.replace(deaf.settings[0], utterances=lost), deaf.settings[1])
    assert cut_utterances(structs.replace(deaf, settings=settings)) == []
    assert isinstance(deaf, Tuning)
