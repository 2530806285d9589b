import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.engines.worker_host import (
    Channel,
    Disconnected,
    Frame,
    FrameKind,
    FrameParser,
    Loader,
    ready_frame,
    ready_pid,
    serve,
    serve_alone,
)

FRAMES = st.lists(st.builds(Frame, st.sampled_from(FrameKind), st.binary(max_size=300)), max_size=5)


class Echo:
    """Answers twice; fails and refuses to be reset when told."""

    def __init__(self) -> None:
        self.resets = 0

    def answer(self, request: bytes, channel: Channel) -> None:
        if request == b"fail":
            raise ValueError("as told")
        channel.answer(request)
        channel.answer(request.upper())

    def reset(self) -> None:
        self.resets += 1


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def received(sock: socket.socket) -> list[Frame]:
    """Everything that the other side, which is done, has written."""
    parser, frames = FrameParser(), []
    while data := sock.recv(1000):
        frames += parser.feed(data)
    return frames


@given(FRAMES, st.lists(st.integers(min_value=1, max_value=50), min_size=1))
def test_frames_come_out_as_they_went_in_however_the_bytes_are_cut(frames: list[Frame], cuts: list[int]) -> None:
    data = b"".join(frame.encode() for frame in frames)
    parser, out = FrameParser(), []
    while data:
        size = cuts[0]
        cuts = [*cuts[1:], size]
        out += parser.feed(data[:size])
        data = data[size:]
    assert out == frames


def test_a_process_id_survives_its_frame() -> None:
    assert ready_pid(ready_frame(4_194_304)) == 4_194_304


def test_a_worker_is_ready_answers_in_order_is_idle_once_for_each_stream_and_ends_with_the_socket(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    echo = Echo()
    for frame in (
        Frame(FrameKind.CANCEL),  # of a stream that has asked nothing
        Frame(FrameKind.REQUEST, b"a"),
        Frame(FrameKind.CANCEL),
        Frame(FrameKind.LAST_REQUEST, b"b"),
        Frame(FrameKind.CANCEL),  # of a stream that is over
    ):
        ours.sendall(frame.encode())
    ours.shutdown(socket.SHUT_WR)
    serve(echo, theirs)
    theirs.close()
    ready, *answers = received(ours)
    assert ready.kind is FrameKind.READY
    assert answers == [
        Frame(FrameKind.ANSWER, b"a"),
        Frame(FrameKind.ANSWER, b"A"),
        Frame(FrameKind.IDLE),
        Frame(FrameKind.ANSWER, b"b"),
        Frame(FrameKind.ANSWER, b"B"),
        Frame(FrameKind.IDLE),
    ]
    assert echo.resets == 2


def test_an_exception_is_an_answer_whose_last_line_names_it(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    ours.sendall(Frame(FrameKind.REQUEST, b"fail").encode() + Frame(FrameKind.REQUEST, b"on").encode())
    ours.shutdown(socket.SHUT_WR)
    serve(Echo(), theirs)
    theirs.close()
    _, failed, *answers = received(ours)
    assert failed.kind is FrameKind.FAILED
    assert failed.payload.decode().splitlines()[-1] == "ValueError: as told"
    assert answers == [Frame(FrameKind.ANSWER, b"on"), Frame(FrameKind.ANSWER, b"ON")]


def test_a_worker_whose_server_is_gone_ends_without_an_error(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    ours.close()
    serve(Echo(), theirs)


def test_a_channel_is_interrupted_by_a_frame_that_waits_and_by_the_end_of_the_server(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    channel = Channel(theirs)
    assert not channel.interrupted()
    ours.sendall(2 * Frame(FrameKind.CANCEL).encode())
    assert channel.interrupted()
    channel.receive()
    assert channel.interrupted()  # the second came with the first
    channel.receive()
    assert not channel.interrupted()
    ours.close()
    assert channel.interrupted()
    with pytest.raises(Disconnected):
        channel.receive()


def test_a_worker_that_cannot_load_says_why(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    serve_alone(Loader(path=[], entry="voiceserver.engines.worker_host:NoSuch", settings="{}", forks=False), theirs)
    theirs.close()
    (failed,) = received(ours)
    assert failed.kind is FrameKind.FAILED
    assert failed.payload.decode().splitlines()[-1].startswith("AttributeError: ")


def test_sending_blocks_while_nobody_reads(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    sent = threading.Event()

    def flood() -> None:
        Channel(theirs).answer(bytes(5_000_000))
        sent.set()
        theirs.close()

    thread = threading.Thread(target=flood)
    thread.start()
    ours.recv(1)
    assert not sent.is_set()
    while ours.recv(65_536):
        pass
    thread.join()
    assert sent.is_set()
