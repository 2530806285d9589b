"""A spoken turn over each route, with the embedded engines; what is played is what was sent."""

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from voiceaudio.opus import OpusDecoder
from voicecli.figures.wer import word_errors
from voicewire.frames import AudioFrame, unpack_packets

OpenPage = Callable[..., Any]
SPOKEN = "please tell me a long story"


def is_understood(text: str) -> bool:
    """From the first syllable to the last. The recogniser may take "a long" for "alone": the browser's microphone cuts
    the same audio a little differently each time."""
    return text.startswith("please tell") and text.endswith("story") and word_errors(SPOKEN, text).rate < 0.4


def decoded_reply(page: Any, turn_id: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The audio of a reply as the server sent it, out of the client's own recording."""
    lines = [json.loads(line) for line in page.run("client.recording().then((blob) => blob.text())").splitlines()]
    frames = [
        AudioFrame.parse(base64.b64decode(line["frame"]))
        for line in lines
        if line.get("direction") == "down" and "frame" in line
    ]
    decoder = OpusDecoder()
    pcm = b"".join(
        decoder.decode(packet)
        for frame in frames
        if frame.turn_id == turn_id
        for packet in unpack_packets(frame.payload)
    )
    return np.frombuffer(pcm, np.int16) / 32_768


@pytest.mark.parametrize(
    ("route", "codec"), [("webcodecs", "opus"), ("mediarecorder", "webm-opus"), ("pcm", "pcm_s16le")]
)
def test_spoken_words_are_understood_and_a_barge_in_silences_the_answer(
    open_page: OpenPage, voice_url: str, route: str, codec: str
) -> None:
    page = open_page("barge-in", url=voice_url, route=route, tap=True)
    assert page.start()["ready"]["input"]["codec"] == codec

    assert is_understood(page.until_message("transcript_final")["text"])
    cancelled = page.until_message("reply_cancelled")
    assert (cancelled["turn_id"], cancelled["reason"]) == (1, "barge_in")
    page.until_event("type === 'mark' && detail.mark === 'barge_in.silence'")

    assert page.states()[:4] == ["connecting", "listening", "hearing", "thinking"]
    assert page.states()[4] == "speaking"
    marks = page.run(
        "events.filter(({type, detail}) => type === 'mark' && detail.turnId === 1).map(({detail}) => detail)"
    )
    at = {mark["mark"]: mark["tMs"] for mark in marks}
    order = ["mic.speech_end", "reply.first_frame_received", "reply.first_audible"]
    order += ["barge_in.speech_start", "barge_in.silence"]
    assert sorted(at, key=at.__getitem__) == order
    stats = page.stats()
    assert (stats["route"], stats["thread"], stats["shedMs"], stats["slowNetwork"]) == (route, "worker", 0, False)


def test_what_is_played_is_what_the_server_sent(open_page: OpenPage, voice_url: str) -> None:
    page = open_page(None, url=voice_url, microphone=False, tap=True)
    page.start()
    page.until("window.tapReady")
    page.run("client.sendText('hello there')")
    assert page.until_message("turn_end")["outcome"] == "completed"
    page.until_state("listening")

    blocks = page.run("tapped.map(({frame, samples}) => ({frame, samples: [...samples]}))")
    first, last = blocks[0]["frame"], blocks[-1]["frame"] + 128
    played = np.zeros(last - first)
    for block in blocks:
        at = block["frame"] - first
        played[at : at + 128] = block["samples"]
    sent = decoded_reply(page, 1)
    spectrum = np.fft.rfft(played, 2 * len(sent)) * np.conj(np.fft.rfft(sent, 2 * len(sent)))
    correlation = np.fft.irfft(spectrum).max() / np.linalg.norm(played) / np.linalg.norm(sent)
    assert correlation > 0.99
    assert abs(10 * np.log10(np.sum(played**2) / np.sum(sent**2))) < 0.5
    assert page.stats()["outputLatencyMs"] == pytest.approx(
        page.run("(tapContext.baseLatency + tapContext.outputLatency) * 1000"), abs=5
    )
    last_report = page.events("playback")[-1]
    assert last_report == {"turnId": 1, "playedMs": len(sent) / 48, "bufferedMs": 0, "playing": False, "paused": False}


def test_the_turn_ends_when_the_talk_button_is_released(open_page: OpenPage, voice_url: str) -> None:
    page = open_page("barge-in", url=voice_url, handsFree=False)
    page.start()
    page.run("client.pressToTalk()")
    page.after_ms(2_300)
    page.run("client.releaseToTalk()")
    assert "story" in page.until_message("transcript_final")["text"]
    assert [message["type"] for message in page.events("sent")] == ["session_start", "audio_end"]
    page.after_ms(500)  # the figures come four times a second
    sent = page.stats()["sentFrames"]
    page.after_ms(500)
    assert page.stats()["sentFrames"] == sent


def test_without_the_talk_button_nothing_is_sent(open_page: OpenPage, voice_url: str) -> None:
    page = open_page("barge-in", url=voice_url, handsFree=False)
    page.start()
    page.after_ms(1_500)
    assert page.stats()["sentFrames"] == 0


def test_the_clients_vad_loses_no_syllable_and_saves_upload(open_page: OpenPage, voice_url: str) -> None:
    page = open_page("barge-in", url=voice_url, clientVad=True)
    page.start()
    assert is_understood(page.until_message("transcript_final")["text"])
    page.until_event("type === 'sent' && detail.type === 'audio_end'")
    # Spoken are 1.5 s; with the pre-roll and the pause at the end this is a little more than two.
    assert 75 <= page.stats()["sentFrames"] <= 140


def test_typing_is_answered_without_a_microphone(open_page: OpenPage, voice_url: str) -> None:
    page = open_page(None, url=voice_url, microphone=False)
    page.start()
    page.run("client.sendText('what time is it')")
    page.until_state("speaking")
    page.run("client.sendText('hello there')")
    assert page.until_message("reply_cancelled")["reason"] == "text_input"
    page.until_event("type === 'message' && detail.type === 'transcript_final' && detail.text === 'hello there'")
    assert [message["text"] for message in page.messages("transcript_final")] == ["what time is it", "hello there"]


@pytest.mark.parametrize("route", ["webcodecs", "mediarecorder"])
def test_who_began_by_typing_can_go_on_by_talking(open_page: OpenPage, voice_url: str, route: str) -> None:
    page = open_page("barge-in", url=voice_url, route=route, microphone=False)
    page.start()
    page.run("client.sendText('what time is it')")
    assert page.until_message("turn_end")["outcome"] == "completed"
    page.after_ms(500)  # the figures come four times a second
    assert (page.stats()["route"], page.stats()["sentBytes"]) == ("none", 0)
    page.run("client.start().then(() => true)")
    page.until("client.state === 'hearing'")
    page.until_event("type === 'message' && detail.type === 'transcript_final' && detail.turn_id === 2")
    assert is_understood(page.messages("transcript_final")[1]["text"])
    assert page.stats()["route"] == route
