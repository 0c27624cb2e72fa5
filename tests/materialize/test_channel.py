"""A worker's end of the pipe speaks as a Connection of the standard library does."""

from __future__ import annotations

import os
import threading
from multiprocessing.connection import Pipe

import pytest

from assetbuild.materialize.channel import Channel


@pytest.fixture
def ends():
    ours, theirs = Pipe()
    descriptor = os.dup(theirs.fileno())
    theirs.close()
    yield ours, Channel(descriptor)
    os.close(descriptor)
    ours.close()


@pytest.mark.parametrize("size", [0, 1, 16_000, 3_000_000])
def test_messages_arrive_whole_both_ways(ends, size):
    ours, channel = ends
    message = os.urandom(size)
    sender = threading.Thread(target=ours.send_bytes, args=(message,))  # a long one waits for its reader
    sender.start()
    assert channel.recv_bytes() == message
    sender.join()
    sender = threading.Thread(target=channel.send_bytes, args=(message,))
    sender.start()
    assert ours.recv_bytes() == message
    sender.join()


def test_the_end_of_the_other_side_is_told(ends):
    ours, channel = ends
    ours.send_bytes(b"last")
    ours.close()
    assert channel.recv_bytes() == b"last"
    with pytest.raises(EOFError):
        channel.recv_bytes()
    with pytest.raises(OSError, match=r"pipe|reset"):
        channel.send_bytes(b"nobody")
