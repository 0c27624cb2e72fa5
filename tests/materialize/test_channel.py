"""Whole messages go both ways, and the end of the other side is told."""

from __future__ import annotations

import socket
import threading
from os import urandom

import pytest

from assetbuild.materialize.channel import Channel, pipe


@pytest.fixture
def ends():
    ours, theirs = (Channel(end.detach()) for end in socket.socketpair())
    yield ours, theirs
    theirs.close()


@pytest.mark.parametrize("size", [0, 1, 16_000, 3_000_000])
def test_messages_arrive_whole_both_ways(ends, size):
    message = urandom(size)
    for sender, reader in (ends, ends[::-1]):
        sending = threading.Thread(target=sender.send_bytes, args=(message,))  # a long one waits for its reader
        sending.start()
        assert reader.recv_bytes() == message
        sending.join()
    ends[0].close()


def test_the_end_of_the_other_side_is_told(ends):
    ours, theirs = ends
    assert not theirs.poll()
    ours.send_bytes(b"last")
    ours.close()
    assert theirs.poll()
    assert theirs.recv_bytes() == b"last"
    assert theirs.poll()
    with pytest.raises(EOFError):
        theirs.recv_bytes()
    with pytest.raises(OSError, match=r"pipe|reset"):
        theirs.send_bytes(b"nobody")


def test_a_pipe_goes_one_way():
    reader, writer = pipe()
    writer.send_bytes(b"woken")
    assert reader.recv_bytes() == b"woken"
    writer.close()
    with pytest.raises(EOFError):
        reader.recv_bytes()
    reader.close()
