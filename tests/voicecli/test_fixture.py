import hashlib
import re
from pathlib import Path

import pytest

from voicecli.budget import Asked, Budget, Comparison
from voicecli.fixture import (
    AudioCodec,
    Expect,
    Fixture,
    FixtureError,
    Kind,
    Session,
    Utterance,
    UtteranceExpect,
    When,
    found_in,
    load,
)

HEAD = """
schema = "voicecli.fixture/1"
name = "two-turns"
description = "Two turns."
made_with = "a test"
licence = "Apache-2.0"
"""
FIRST = """
[[utterances]]
kind = "speech"
text = "hello there"
audio_ms = [0, 1500]
segments_ms = [[400, 1000.5]]
when = "start"
"""
SECOND = """
[[utterances]]
kind = "speech"
text = "what's that"
audio_ms = [1500, 3000]
segments_ms = [[1900, 2200], [2200, 2400]]
when = "into_reply"
into_reply_ms = 1500
[utterances.expect]
cancels_reply = true
"""
REST = """
[session]
locale = "en-GB"
[session.turn_detection]
silence_ms = 400
barge_in = true
mode = "vad"
[expect]
turns = 2
events = ["speech_started", "turn_end"]
[budgets_ms]
voice_to_voice = 3000
"""
WHOLE = HEAD + FIRST + SECOND + REST


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "two-turns"
    folder.mkdir()
    (folder / "audio.wav").write_bytes(b"wav")
    (folder / "audio.opus").write_bytes(b"opus")
    (folder / "fixture.toml").write_text(WHOLE)
    return folder


def _refusal(folder: Path, toml: str) -> str:
    path = folder / "fixture.toml"
    path.write_text(toml)
    with pytest.raises(FixtureError) as refused:
        load(folder)
    assert str(refused.value) == f"{path}: {refused.value.reason}"
    return refused.value.reason


def test_a_whole_fixture_is_read(folder: Path) -> None:
    assert load(folder) == Fixture(
        schema="voicecli.fixture/1",
        name="two-turns",
        description="Two turns.",
        made_with="a test",
        licence="Apache-2.0",
        session=Session(locale="en-GB", turn_detection={"silence_ms": 400, "barge_in": True, "mode": "vad"}),
        utterances=(
            Utterance(
                kind=Kind.SPEECH,
                text="hello there",
                audio_ms=(0, 1500),
                segments_ms=((400, 1000.5),),
                when=When.START,
            ),
            Utterance(
                kind=Kind.SPEECH,
                text="what's that",
                audio_ms=(1500, 3000),
                segments_ms=((1900, 2200), (2200, 2400)),
                when=When.INTO_REPLY,
                into_reply_ms=1500,
                expect=UtteranceExpect(cancels_reply=True),
            ),
        ),
        expect=Expect(turns=2, events=("speech_started", "turn_end")),
        budgets_ms={"voice_to_voice": 3000},
        folder=folder,
        codec=AudioCodec.OPUS,
        digest=hashlib.sha256(b"opus").hexdigest(),
    )


def test_what_is_left_out_has_a_default(folder: Path) -> None:
    (folder / "fixture.toml").write_text(HEAD + FIRST)
    fixture = load(folder)
    assert (fixture.session, fixture.expect, fixture.budgets_ms, fixture.background) == (Session(), Expect(), {}, None)
    assert fixture.utterances[0].expect == UtteranceExpect(max_wer=0.10)


def test_an_audio_file_selects_itself(folder: Path) -> None:
    selected = {name: load(folder / name) for name in ("audio.wav", "audio.opus", "fixture.toml")}
    assert {name: fixture.codec for name, fixture in selected.items()} == {
        "audio.wav": AudioCodec.WAV,
        "audio.opus": AudioCodec.OPUS,
        "fixture.toml": AudioCodec.OPUS,
    }
    assert selected["audio.wav"].digest == hashlib.sha256(b"wav").hexdigest()


def test_without_opus_the_wav_is_selected(folder: Path) -> None:
    (folder / "audio.opus").unlink()
    assert load(folder).codec is AudioCodec.WAV


def test_the_audio_path_is_of_the_codec_asked_for_or_the_one_selected(folder: Path) -> None:
    fixture = load(folder / "audio.wav")
    assert fixture.audio_path() == folder / "audio.wav"
    assert fixture.audio_path(AudioCodec.OPUS) == folder / "audio.opus"


def test_the_fixture_ends_where_its_last_region_does(folder: Path) -> None:
    assert load(folder).end_ms == 3000


@pytest.mark.parametrize(("kind", "expected"), [("speech", True), ("backchannel", False)])
def test_only_speech_expects_a_transcript_and_a_reply_unless_told(folder: Path, kind: str, expected: bool) -> None:
    (folder / "fixture.toml").write_text(HEAD + FIRST.replace("speech", kind))
    (utterance,) = load(folder).utterances
    assert (utterance.expects_transcript, utterance.expects_reply) == (expected, expected)
    told = f"[utterances.expect]\ntranscript = {str(not expected).lower()}\nreply = {str(not expected).lower()}\n"
    (folder / "fixture.toml").write_text(HEAD + FIRST.replace("speech", kind) + told)
    (utterance,) = load(folder).utterances
    assert (utterance.expects_transcript, utterance.expects_reply) == (not expected, not expected)


def test_a_path_that_is_no_fixture_is_refused_with_what_to_give(folder: Path) -> None:
    for path, reason in (
        (folder / "nothing", "no such fixture; give a folder that holds a fixture.toml"),
        (folder / "notes.txt", "not a fixture; give a folder, its fixture.toml, its audio.wav or its audio.opus"),
    ):
        (folder / "notes.txt").touch()
        with pytest.raises(FixtureError) as refused:
            load(path)
        assert str(refused.value) == f"{path}: {reason}"


def test_a_missing_toml_or_wav_is_refused(folder: Path) -> None:
    (folder / "audio.wav").unlink()
    with pytest.raises(FixtureError, match=r"audio\.wav: missing"):
        load(folder)
    (folder / "fixture.toml").unlink()
    with pytest.raises(FixtureError, match=r"fixture\.toml: missing"):
        load(folder)


def test_a_toml_that_is_not_utf_8_is_refused(folder: Path) -> None:
    (folder / "fixture.toml").write_bytes(b"\xff")
    with pytest.raises(FixtureError, match=r"fixture\.toml: cannot be read"):
        load(folder)


def test_a_fixture_in_the_current_folder_has_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert load(Path()).name == "two-turns"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("schema =", "schema", "not valid TOML: "),
        ("fixture/1", "fixture/2", "schema: Invalid enum value 'voicecli.fixture/2'; see fixtures/README.md"),
        ('licence = "Apache-2.0"', "", "Object missing required field `licence`"),
        ('"Apache-2.0"', '" "', "licence: is empty; say it, for whoever uses the audio later"),
        ("made_with", "madewith", "Object contains unknown field `madewith`"),
        ('"two-turns"', '"other"', 'name: is "other", but the folder is "two-turns"; make them the same'),
        ("silence_ms = 400", "silence_ms = []", "session.turn_detection[...]: Expected"),
        ("[0, 1500]", "[0]", "utterances[0].audio_ms: Expected `array` of length 2"),
        ("[0, 1500]", "[20, 1500]", "utterances[0].audio_ms: begins at 20;"),
        ("[0, 1500]", "[0, 1490]", "utterances[0].audio_ms: [0, 1490] must be multiples of 20 ms"),
        ("[1500, 3000]", "[1480, 3000]", "utterances[1].audio_ms: begins at 1480; "),
        ("[1500, 3000]", "[1520, 3000]", "utterances[1].audio_ms: begins at 1520; "),
        ("[1500, 3000]", "[1500, 1500]", "utterances[1].audio_ms: [1500, 1500] is empty"),
        ("segments_ms = [[400, 1000.5]]", "", "utterances[0].segments_ms: is empty"),
        ("[400, 1000.5]", "[400, 400]", "utterances[0].segments_ms: [400.0, 400.0] is empty"),
        ("[400, 1000.5]", "[400, 1500.1]", "utterances[0].segments_ms: [400.0, 1500.1] must lie in audio_ms [0, 1500]"),
        ("[2200, 2400]", "[2199, 2400]", "utterances[1].segments_ms: [2199.0, 2400.0] must lie in audio_ms"),
        ("[1900, 2200]", "[1499, 2200]", "utterances[1].segments_ms: [1499.0, 2200.0] must lie in audio_ms"),
        ('kind = "speech"', 'kind = "noise"', "utterances[0].kind: Invalid enum value 'noise'"),
        ('kind = "speech"', 'kind = "silence"', "utterances[0].segments_ms: silence has none; leave it out"),
        (
            '"hello there"',
            '"Hello, there!"',
            'utterances[0].text: must be lower-case words without punctuation: "hello there"',
        ),
        ('"hello there"', '""', "utterances[0].text: is empty; give the words, or expect.transcript = false"),
        ('when = "start"', 'when = "after_reply"', 'utterances[0].when: must be "start" for the first utterance'),
        (
            'when = "start"',
            'when = "recorded"',
            'utterances[1].when: must be "recorded" for all utterances or for none',
        ),
        ('when = "into_reply"', 'when = "recorded"', 'utterances[1].when: must be "recorded" for all utterances or'),
        ('when = "into_reply"', 'when = "start"', 'utterances[1].when: must be "start" for the first utterance'),
        (
            'when = "start"',
            'when = "start"\nexpect = { reply = false }',
            'utterances[1].when: is "into_reply", but no utterance before it expects a reply',
        ),
        ("into_reply_ms = 1500", "", "utterances[1].into_reply_ms: is missing"),
        ("into_reply_ms = 1500", "into_reply_ms = -1", "utterances[1].into_reply_ms: Expected `float` >= 0"),
        (
            "into_reply_ms = 1500",
            "into_reply_ms = 399",
            "utterances[1].into_reply_ms: is 399, but the region has 400 ms",
        ),
        ('"into_reply"', '"after_reply"', 'utterances[1].into_reply_ms: goes with when = "into_reply" only'),
        (
            '"into_reply"\ninto_reply_ms = 1500',
            '"after_reply"',
            'utterances[1].expect.cancels_reply: goes with when = "into_reply" only',
        ),
        ("cancels_reply = true", "cancels = true", "utterances[1].expect: Object contains unknown field `cancels`"),
        ('"turn_end"]', '"turn_over"]', 'expect.events: "turn_over" is no message of the server'),
        (
            "description",
            'budgets = ["wer < 5%", "ttft < 1s"]\ndescription',
            'budgets[1]: "ttft < 1s": say of which figure of ttft after its name; use p50, ',
        ),
        ("voice_to_voice", "voice_to_ear", 'budgets_ms: "voice_to_ear" is no latency; use voice_to_voice, '),
        ("voice_to_voice = 3000", "voice_to_voice = 0", "budgets_ms[...]: Expected `float` > 0"),
    ],
)
def test_a_wrong_field_is_refused_by_name(folder: Path, old: str, new: str, reason: str) -> None:
    assert WHOLE.count(old) >= 1
    assert _refusal(folder, WHOLE.replace(old, new, 1)).startswith(reason)


def test_budgets_are_asked_for_in_the_name_of_the_fixture(folder: Path) -> None:
    (folder / "fixture.toml").write_text('budgets = ["wer < 5%"]' + WHOLE)
    place = "two-turns/fixture.toml budgets"
    assert load(folder).asked_budgets == [Asked(Budget("wer", None, Comparison.BELOW, 5.0), place)]


def test_a_region_may_hold_speech_from_its_first_ms_to_its_last(folder: Path) -> None:
    (folder / "fixture.toml").write_text(WHOLE.replace("[400, 1000.5]", "[0, 1500]"))
    assert load(folder).utterances[0].segments_ms == ((0, 1500),)


def test_speech_into_a_reply_may_begin_as_soon_as_its_region_allows(folder: Path) -> None:
    (folder / "fixture.toml").write_text(WHOLE.replace("into_reply_ms = 1500", "into_reply_ms = 400"))
    assert load(folder).utterances[1].into_reply_ms == 400


def test_the_example_of_the_readme_is_a_fixture(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "fixtures" / "README.md").read_text()
    folder = tmp_path / "order-pizza"
    folder.mkdir()
    (folder / "audio.wav").touch()
    (folder / "fixture.toml").write_text(readme.split("```toml\n")[1].split("```")[0])
    assert load(folder).end_ms == 4800


def test_a_folder_of_fixtures_stands_for_those_in_it(folder: Path) -> None:
    (folder.parent / "wire").mkdir()
    assert found_in(folder.parent) == [folder]
    assert found_in(folder) == [folder]
    assert found_in(folder / "audio.wav") == [folder / "audio.wav"]
    assert found_in(folder.parent / "wire") == [folder.parent / "wire"]


def test_a_recorded_session_says_so_for_each_utterance(folder: Path) -> None:
    recorded = re.sub(r'when = "\w+"', 'when = "recorded"', HEAD + FIRST + SECOND.partition("into_reply_ms")[0])
    (folder / "fixture.toml").write_text(recorded)
    fixture = load(folder)
    assert fixture.is_recorded
    assert [utterance.when for utterance in fixture.utterances] == [When.RECORDED] * 2
    (folder / "fixture.toml").write_text(WHOLE)
    assert not load(folder).is_recorded


def test_a_recording_that_was_cut_off_is_refused_with_how_to_finish_it(folder: Path) -> None:
    (folder / "fixture.toml").unlink()
    (folder / "session.jsonl").touch()
    with pytest.raises(FixtureError) as refused:
        load(folder)
    assert refused.value.reason == (
        f"missing; the recording was cut off, finish it with `voicecli record --finish {folder}`"
    )
