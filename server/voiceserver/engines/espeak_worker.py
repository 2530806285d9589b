"""The worker process of `espeak.py`: espeak-ng has global state and is GPL-3.0-or-later: it has its own."""

import ctypes
import re
from collections.abc import Iterator
from ctypes import c_char, c_char_p, c_int, c_short, c_ubyte, c_uint, c_void_p
from typing import Any

import msgspec

from voiceserver.engines.roles import SpokenWord
from voiceserver.engines.worker_host import Channel, Disconnected

SAMPLE_RATE = 22_050


class ListVoices(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """Answered with Voices."""


class Speak(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """Answered with Spoken, any number of times."""

    text: str
    voice: str
    rate: int
    pitch: int


REQUESTS = ListVoices | Speak


class Voice(msgspec.Struct, array_like=True, frozen=True):
    name: str
    identifier: str
    """What espeak_SetVoiceByName takes in every case; a language or name it takes only sometimes."""
    languages: list[tuple[int, str]]
    """Priority (the smallest is best) and language tag in lower case."""


class Voices(msgspec.Struct, array_like=True, frozen=True):
    voices: list[Voice]
    variants: list[str]
    """What may follow a voice's identifier and a `+`."""


class Spoken(msgspec.Struct, array_like=True, frozen=True):
    audio: bytes
    words: list[tuple[int, int, int]]
    """As in SpokenWord."""


# --- speak_lib.h


class _Identity(ctypes.Union):
    _fields_ = (("number", c_int), ("name", c_char_p), ("string", c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", c_int),
        ("unique_identifier", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("id", _Identity),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", c_char_p),
        ("languages", c_void_p),
        ("identifier", c_char_p),
        ("gender", c_ubyte),
        ("age", c_ubyte),
        ("variant", c_ubyte),
        ("xx1", c_ubyte),
        ("score", c_int),
        ("spare", c_void_p),
    )


_SYNCHRONOUS = 2
_CHUNK_MS = 60
_DONT_EXIT = 0x8000
_UTF8 = 1
_END_PAUSE = 0x1000
_RATE, _PITCH = 1, 3
_LIST_TERMINATED, _WORD = 0, 1
_GO_ON, _STOP = 0, 1
_Callback = ctypes.CFUNCTYPE(c_int, ctypes.POINTER(c_short), c_int, ctypes.POINTER(_Event))

_MARK_AT_END = re.compile(r"[.,;:!?…—–。，、！？]\s*$")


class WordSpans:
    """The words of a text, in the order of their word events.

    An event names its position in characters; but a number has several, at odd positions, and some words have none.
    """

    def __init__(self, text: str) -> None:
        self._spans = [match.span() for match in re.finditer(r"\S+", text)]
        self._next = 0

    def begun(self, position: int) -> tuple[int, int] | None:
        """The word that begins at or holds the character at `position`; None when it has been named before."""
        for index in range(self._next, len(self._spans)):
            start, end = self._spans[index]
            if start > position:
                return None
            if position < end:
                self._next = index + 1
                return start, end
        return None


class EspeakWorker:
    """The library, initialised once; speaks one text at a time."""

    def __init__(self, settings: bytes) -> None:
        import espeakng_loader  # not at the top: the server imports this module for its messages

        self._requests = msgspec.msgpack.Decoder(REQUESTS)
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, _CHUNK_MS, data, _DONT_EXIT)
        if rate != SAMPLE_RATE:
            raise RuntimeError(f"espeak-ng cannot use its data at {data.decode()} (code {rate})")
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._callback = _Callback(self._take)  # kept: the library holds but a pointer to it
        self._library.espeak_SetSynthCallback(self._callback)
        self._voice = ""
        self._channel: Channel | None = None
        self._spans = WordSpans("")
        self._is_gone = False

    def reset(self) -> None:
        """Nothing is kept from one text to the next."""

    def answer(self, request: bytes, channel: Channel) -> None:
        match self._requests.decode(request):
            case ListVoices():
                channel.answer(msgspec.msgpack.encode(self._voices()))
            case Speak() as speak:
                self._speak(speak, channel)

    def _voices(self) -> Voices:
        voices = [
            Voice(entry.name.decode(), entry.identifier.decode(), list(_languages(entry.languages)))
            for entry in _until_null(self._library.espeak_ListVoices(None))
        ]
        language = ctypes.create_string_buffer(b"variant")
        variant = _Voice(languages=ctypes.addressof(language))
        variants = [
            entry.identifier.decode().removeprefix("!v/")
            for entry in _until_null(self._library.espeak_ListVoices(ctypes.byref(variant)))
        ]
        return Voices(voices, variants)

    def _speak(self, speak: Speak, channel: Channel) -> None:
        if speak.voice != self._voice:
            self._voice = ""
            if self._library.espeak_SetVoiceByName(speak.voice.encode()) != 0:
                raise LookupError(f"espeak-ng cannot load the voice {speak.voice}")
            self._voice = speak.voice
        self._library.espeak_SetParameter(_RATE, speak.rate, 0)
        self._library.espeak_SetParameter(_PITCH, speak.pitch, 0)
        self._channel, self._spans, self._is_gone = channel, WordSpans(speak.text), False
        text = speak.text.encode() + b"\0"
        # Without the pause of its mark (160 ms for a comma, 330 ms for a full stop) the next clause follows at once.
        # Where a quotation mark comes last the library makes it anyway; where there is no mark it makes one of 300 ms.
        flags = _UTF8 | (_END_PAUSE if _MARK_AT_END.search(speak.text) else 0)
        self._library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 0, 0, flags, None, None)
        if self._is_gone:
            raise Disconnected

    def _take(self, samples: Any, count: int, events: Any) -> int:
        """The library's callback, about every 60 ms of speech; what it returns tells the library whether to go on."""
        channel = self._channel
        assert channel is not None
        words: list[tuple[int, int, int]] = []
        index = 0
        while events[index].type != _LIST_TERMINATED:
            event = events[index]
            index += 1
            if event.type == _WORD and (span := self._spans.begun(event.text_position - 1)):
                words.append(SpokenWord(*span, event.sample))
        if not count and not words:
            return _GO_ON
        audio = ctypes.string_at(samples, 2 * count) if count else b""
        try:
            channel.answer(msgspec.msgpack.encode(Spoken(audio, words)))
            return _STOP if channel.interrupted() else _GO_ON
        except Disconnected:
            self._is_gone = True
            return _STOP


def _until_null(table: Any) -> Iterator[Any]:
    index = 0
    while table[index]:
        yield table[index].contents
        index += 1


def _languages(address: int) -> Iterator[tuple[int, str]]:
    """A priority byte and a string, again and again, until a zero."""
    while priority := ctypes.string_at(address, 1)[0]:
        tag = ctypes.string_at(address + 1)
        yield priority, tag.decode()
        address += 2 + len(tag)
