"""Fuzz what a stranger can send: `fuzz_wire.py --seconds 600`. Any input has to end in a value or a ProtocolError.

Needs atheris (`pip install atheris`). Starts from the vectors in fixtures/wire. With `--corpus DIR` what it learns is
kept there for the next run; what breaks is written to the working directory, and run again with `--reproduce FILE`.
"""

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def _atheris() -> ModuleType:
    try:
        return importlib.import_module("atheris")
    except ImportError:
        sys.exit("fuzz_wire.py needs atheris: pip install atheris")


def seeds() -> Iterator[bytes]:
    """The vectors, each behind the number of the target that takes it, and some of them as conversations."""
    messages, frames, packets = (
        json.loads((ROOT / f"fixtures/wire/{name}.json").read_text(encoding="utf-8"))
        for name in ("messages", "frames", "opus_packets")
    )
    texts = [vector["text"].encode() for vector in messages["valid"] + messages["malformed"]]
    binaries = [bytes.fromhex(vector["hex"]) for vector in frames["valid"] + frames["malformed"]]
    payloads = [bytes.fromhex(vector["payload"]) for vector in packets["valid"] + packets["malformed"]]
    yield from (b"\0" + text for text in texts)
    yield from (b"\1" + binary for binary in binaries)
    yield from (b"\2" + payload for payload in payloads)
    for side in (b"\0", b"\1", b"\2", b"\3"):
        steps = [_step(0, text) for text in texts] + [_step(1, binary) for binary in binaries]
        yield b"\3" + side + b"".join(steps)
        yield from (b"\3" + side + step for step in steps)


def _step(binary: int, data: bytes) -> bytes:
    """One message of a conversation: text or binary, after 10 ms, behind its length."""
    return bytes([binary, 10]) + len(data).to_bytes(2, "big") + data


def _steps(data: bytes) -> Iterator[tuple[str | bytes, int]]:
    while len(data) >= 4:
        length = int.from_bytes(data[2:4], "big")
        body = data[4 : 4 + length]
        yield body if data[0] & 1 else body.decode(errors="replace"), data[1] * 1_000_000
        data = data[4 + length :]


def targets() -> list[Callable[[bytes], None]]:
    """What is fuzzed, by the first byte of an input. Imported late, so that atheris can instrument it."""
    from voicewire import frames, messages
    from voicewire.connection import Connection, Side, State
    from voicewire.errors import ProtocolError
    from voicewire.formats import AudioFormat, Codec

    def text(data: bytes) -> None:
        for decode in (messages.decode_up, messages.decode_down):
            try:
                message = decode(data.decode(errors="surrogateescape"))
            except ProtocolError:
                continue
            assert decode(messages.encode(message)) == message

    def frame(data: bytes) -> None:
        try:
            parsed = frames.AudioFrame.parse(data)
        except ProtocolError:
            return
        assert parsed.serialize() == data

    def payload(data: bytes) -> None:
        try:
            packets = frames.unpack_packets(data)
            for packet in packets:
                frames.packet_duration_ms(packet)
        except ProtocolError:
            return
        assert frames.pack_packets(packets) == data

    engine = messages.EngineInfo("fuzzed")
    engines = messages.Engines(vad=engine, stt=engine, llm=engine, tts=engine)

    def conversation(data: bytes) -> None:
        first = data[0] if data else 0
        side = Side.CLIENT if first & 1 else Side.SERVER
        audio = AudioFormat(Codec.PCM_S16LE if first & 2 else Codec.OPUS)
        start = messages.SessionStart(input=[audio], output=[audio])
        ready = messages.SessionReady(
            session_id="", resume_token="", input=audio, output=audio, engines=engines, lead_ms=0
        )
        connection = Connection(side)
        if side is Side.SERVER:
            connection.receive(messages.encode(start), 0)
            connection.send(ready)
        else:
            connection.send(start)
            connection.receive(messages.encode(ready), 0)
        now_ns = 0
        for received, wait_ns in _steps(data[1:]):
            now_ns += wait_ns
            try:
                taken = connection.receive(received, now_ns)
            except ProtocolError as error:
                fatal = error.fatal
            else:
                fatal = isinstance(taken, messages.Error) and taken.fatal
            assert fatal is (connection.state is State.CLOSED)

    return [text, frame, payload, conversation]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="how long; 0 for ever (default: %(default)s)")
    parser.add_argument("--corpus", type=Path, help="where to keep what was learnt")
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="run one input that broke something")
    arguments = parser.parse_args()
    atheris = _atheris()
    with atheris.instrument_imports(include=["voicewire"]):
        chosen = targets()

    def run(data: bytes) -> None:
        if data:
            chosen[data[0] % len(chosen)](data[1:])

    if arguments.reproduce:
        run(arguments.reproduce.read_bytes())
        return
    seed_folder = Path(tempfile.mkdtemp(prefix="fuzz-wire-"))
    for number, seed in enumerate(seeds()):
        (seed_folder / f"{number:03}").write_bytes(seed)
    folders = [str(seed_folder)]
    if arguments.corpus:
        arguments.corpus.mkdir(parents=True, exist_ok=True)
        # libFuzzer writes to the first folder that it is given.
        folders.insert(0, str(arguments.corpus))
    atheris.Setup([sys.argv[0], f"-max_total_time={arguments.seconds}", "-print_final_stats=1", *folders], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
