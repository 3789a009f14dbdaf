"""The wire between judge and child: what is sent arrives, and nothing else is accepted."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.wire import (
    DTYPES,
    MARK,
    MAX_DEPTH,
    PREFIX,
    ClosedError,
    Decoder,
    Frame,
    LateError,
    Line,
    ProtocolError,
    Size,
    pack,
    parse_header,
    read_frame,
    write_all,
)
from course_autograd.exercises import Observation, Trouble, WireError

SMALL = Size(header=2_000, body=10_000, arrays=10)


def decode(data: bytes, size: Size = SMALL) -> list[Frame]:
    return Decoder(size).feed(data)


def frame_of(header: bytes, body: bytes = b"") -> bytes:
    return PREFIX.pack(MARK, len(header), len(body)) + header + body


def announcing(arrays: object, body: bytes = b"") -> bytes:
    return frame_of(json.dumps({"arrays": arrays}).encode(), body)


@pytest.mark.parametrize("dtype", list(DTYPES))
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 4), (1, 1, 2, 1)])
def test_arrays_of_every_kind_and_shape_arrive_unchanged(dtype, shape):
    sent = np.random.default_rng(1).uniform(-5, 5, shape).astype(dtype)
    (frame,) = decode(pack({"kind": "x"}, [sent, np.float64(2.5)]))
    received, number = frame.arrays
    assert received.dtype == sent.dtype
    assert received.shape == sent.shape
    assert np.array_equal(received, sent)
    assert number.shape == ()
    assert number == 2.5


def test_infinities_and_nan_travel_in_arrays():
    sent = np.array([np.nan, np.inf, -np.inf, -0.0])
    (frame,) = decode(pack({}, [sent]))
    assert frame.arrays[0].tobytes() == sent.tobytes()


def test_transposed_and_strided_arrays_arrive_with_their_values():
    base = np.arange(12.0).reshape(3, 4)
    (frame,) = decode(pack({}, [base.T, base[:, ::2]]))
    assert np.array_equal(frame.arrays[0], base.T)
    assert np.array_equal(frame.arrays[1], base[:, ::2])


@given(st.lists(st.integers(1, 40), max_size=20))
@settings(max_examples=50, deadline=None)
def test_frames_survive_being_cut_anywhere(cuts):
    data = pack({"n": 1}, [np.arange(3)]) + pack({"n": 2}) + pack({"n": 3}, [np.ones((2, 2))])
    decoder, frames = Decoder(SMALL), []
    while data:
        length = cuts.pop() if cuts else 7
        frames += decoder.feed(data[:length])
        data = data[length:]
    assert [frame.header["n"] for frame in frames] == [1, 2, 3]
    assert not decoder.pending


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([1j]), np.array([None])])
def test_other_arrays_are_not_sent(array):
    with pytest.raises(ProtocolError, match="cannot be sent"):
        pack({}, [array])


def test_nan_in_the_header_is_not_sent():
    with pytest.raises(ProtocolError, match="JSON"):
        pack({"x": float("nan")})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello, judge", "do not begin a frame"),
        (b"\x00" * 32, "do not begin a frame"),
        (PREFIX.pack(MARK, 2**32 - 1, 0), "at most"),
        (PREFIX.pack(MARK, 10, 2**63), "at most"),
        (frame_of(b"not json"), "not JSON"),
        (frame_of(b'{"arrays": [], "x": NaN}'), "NaN is not JSON"),
        (frame_of(b'{"arrays": [], "x": -Infinity}'), "Infinity is not JSON"),
        (frame_of(b"\xff\xfe"), "not JSON"),
        (frame_of(b"[1, 2]"), "not a JSON object"),
        (frame_of(b"{}"), "list of at most"),
        (announcing("all"), "list of at most"),
        (announcing([{}] * 11), "list of at most"),
        (announcing([{"dtype": "float64"}]), "dtype and shape"),
        (announcing([{"dtype": "float64", "shape": [1], "x": 1}], b"\0" * 8), "dtype and shape"),
        (announcing([{"dtype": "object", "shape": [1]}], b"\0" * 8), "one of the dtypes"),
        (announcing([{"dtype": "V8", "shape": [1]}], b"\0" * 8), "one of the dtypes"),
        (announcing([{"dtype": ["<f8"], "shape": [1]}], b"\0" * 8), "one of the dtypes"),
        (announcing([{"dtype": "float64", "shape": 1}], b"\0" * 8), "a shape is a list"),
        (announcing([{"dtype": "float64", "shape": [1] * 9}], b"\0" * 8), "a shape is a list"),
        (announcing([{"dtype": "float64", "shape": [True]}], b"\0" * 8), "whole numbers"),
        (announcing([{"dtype": "float64", "shape": [1.0]}], b"\0" * 8), "whole numbers"),
        (announcing([{"dtype": "float64", "shape": [-1]}], b"\0" * 8), "whole numbers"),
        (announcing([{"dtype": "float64", "shape": [9999, 9999]}]), "too large"),
        (announcing([{"dtype": "float64", "shape": [0, 9999, 9999]}]), "too large"),
        (announcing([{"dtype": "float64", "shape": [0, *[1000] * 7]}]), "too large"),
        (announcing([{"dtype": "float64", "shape": [2]}], b"\0" * 8), "have 16 bytes"),
        (announcing([], b"\0" * 8), "have 0 bytes"),
        (announcing([{"dtype": "bool", "shape": [1]}], b"\x02"), "0 or 1"),
        (frame_of(b'{"arrays": ' + b"[" * 900), "not JSON"),
        (frame_of(b'{"arrays": ' + b"[" * 40 + b"]" * 40 + b"}"), f"more than {MAX_DEPTH}"),
    ],
)
def test_everything_else_is_refused_with_a_sentence(data, words):
    with pytest.raises(ProtocolError, match=words):
        decode(data)


def test_brackets_without_end_are_refused_whatever_their_number():
    size = Size(header=1_000_000)
    with pytest.raises(ProtocolError, match="not JSON"):
        decode(frame_of(b"[" * 1_000_000), size)


def test_an_endless_number_is_refused():
    with pytest.raises(ProtocolError, match="not JSON"):
        decode(frame_of(b'{"arrays": [], "x": ' + b"9" * 6_000 + b"}"), Size())


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_damaged_frame_is_refused_or_waited_for_and_never_anything_worse(data):
    sent = bytearray(pack({"kind": "observed", "n": [1, {"a": "b"}]}, [np.arange(4.0)]))
    for _ in range(data.draw(st.integers(1, 4))):
        sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    try:
        frames = decode(bytes(sent))
    except ProtocolError:
        return
    for frame in frames:
        assert all(array.dtype.name in DTYPES for array in frame.arrays)


def test_a_child_may_not_send_without_end():
    frame = pack({"n": 1}, [np.zeros(100)])
    decoder = Decoder(Size(total=3 * len(frame)))
    for _ in range(3):
        assert len(decoder.feed(frame)) == 1
    with pytest.raises(ProtocolError, match="in all"):
        decoder.feed(frame)


ODD_JSON = [None, True, -1, 2**70, 1e308, "", "x" * 3_000, [], {}, [[]] * 50, {"array": 99},
            {"array": -1}, {"array": True}, {"tuple": {}}, {"dict": [[1, 2]]}, {"float": "1"},
            {"dict": [["a"]]}, [{"array": 0}] * 70, {"dtype": "object", "shape": []}]  # fmt: skip


def mutated(value, rng):
    """The same JSON with one part of it replaced by something odd."""
    if isinstance(value, dict | list) and value and rng.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = keys[rng.integers(len(keys))]
        copy = value.copy()
        if rng.random() < 0.1:
            del copy[key]
        else:
            copy[key] = mutated(value[key], rng)
        return copy
    return ODD_JSON[rng.integers(len(ODD_JSON))]


def answer_of_a_child() -> tuple[dict[str, object], list[np.ndarray]]:
    return Observation(
        output=np.arange(3.0),
        gradients=(np.ones((2, 2)), None),
        raw=(np.zeros(()),),
        answers={"a": 1.5, "b": True, "c": "a list", "d": float("nan")},
        error=Trouble("exception", "ValueError", "line 3"),
        flags=frozenset({"warned"}),
        printed="hello",
    ).to_wire()


def test_every_mutated_answer_is_read_or_refused_in_words():
    """Bytes changed, cut, doubled and moved; parts of the JSON replaced: never anything worse."""
    rng = np.random.default_rng(20)
    header, arrays = answer_of_a_child()
    whole = pack({"kind": "observed", "nonce": "0" * 32, "observation": header}, arrays)
    described = json.loads(whole[PREFIX.size : PREFIX.size + PREFIX.unpack_from(whole)[1]])
    body = whole[PREFIX.size + PREFIX.unpack_from(whole)[1] :]
    outcomes, longest = {"read": 0, "refused": 0, "waiting": 0}, 0
    for number in range(4_000):
        if number % 2:
            sent = frame_of(json.dumps(mutated(described, rng)).encode(), body)
        else:
            sent = bytearray(whole)
            for _ in range(rng.integers(1, 4)):
                at, length = rng.integers(len(sent)), int(rng.integers(1, 9))
                part = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
                cut = rng.integers(3)
                sent[at : at + (0 if cut == 2 else length)] = b"" if cut == 1 else part
        try:
            frames = decode(bytes(sent), Size(header=5_000, body=5_000, arrays=10))
            outcomes["read" if frames else "waiting"] += 1
            for frame in frames:
                observed = Observation.from_wire(
                    frame.header.get("observation"), list(frame.arrays)
                )
                found = (observed.output, *observed.gradients, *observed.raw, *observed.ones)
                assert all(one is None or type(one) is np.ndarray for one in found)
                assert all(one is None or one.dtype.name in DTYPES for one in found)
        except (ProtocolError, WireError) as error:
            outcomes["refused"] += 1
            longest = max(longest, len(str(error)))
    assert 0 < longest < 500
    assert min(outcomes.values()) > 10


# --- pipes ----------------------------------------------------------------------------------


@pytest.fixture
def pipes():
    """A judge's line, and the child's two ends."""
    from_judge, to_child = os.pipe()
    from_child, to_judge = os.pipe()
    line = Line(to_child, from_child)
    yield line, from_judge, to_judge
    line.close()
    for end in (from_judge, to_judge):
        try:
            os.close(end)
        except OSError:
            continue


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


def test_a_large_request_and_a_large_answer_do_not_stall_each_other(pipes):
    line, from_judge, to_judge = pipes
    large = np.zeros(500_000)

    def child() -> None:
        write_all(to_judge, pack({"n": 0}, [large]))  # before it reads anything
        frame = read_frame(from_judge, Decoder(), [])
        write_all(to_judge, pack({"n": frame.header["n"] + 1}, frame.arrays))

    thread = threading.Thread(target=child)
    thread.start()
    line.send(pack({"n": 1}, [large]))
    assert line.receive(soon()).header["n"] == 0
    answer = line.receive(soon())
    thread.join()
    assert answer.header["n"] == 2
    assert answer.arrays[0].shape == (500_000,)


def test_silence_is_noticed_at_the_deadline(pipes):
    line, _, _ = pipes
    line.send(pack({}))
    with pytest.raises(LateError):
        line.receive(soon(0.05))


def test_half_a_frame_is_silence(pipes):
    line, _, to_judge = pipes
    os.write(to_judge, pack({})[:-1])
    with pytest.raises(LateError):
        line.receive(soon(0.05))


def test_frames_before_junk_are_handed_out_first(pipes):
    line, _, to_judge = pipes
    os.write(to_judge, pack({"n": 1}) + pack({"n": 2}) + b"x" * 100)
    assert line.receive(soon()).header["n"] == 1
    assert line.receive(soon()).header["n"] == 2
    with pytest.raises(ProtocolError, match="do not begin a frame"):
        line.receive(soon())
    with pytest.raises(ProtocolError, match="more was sent"):
        line.send(pack({}))


def test_a_closed_pipe_is_noticed_at_once(pipes):
    line, _, to_judge = pipes
    os.close(to_judge)
    with pytest.raises(ClosedError):
        line.receive(soon())


def test_an_answer_nobody_asked_for_spoils_the_next_question(pipes):
    line, _, to_judge = pipes
    os.write(to_judge, pack({"n": 1}) + pack({"n": 2}))
    assert line.receive(soon()).header["n"] == 1
    with pytest.raises(ProtocolError, match="more was sent"):
        line.send(pack({}))


@pytest.mark.parametrize("text", ["", "a ] { ["])
@pytest.mark.parametrize("pair", ["[]", "{}", "mixed"])
def test_depth_is_counted_exactly(pair: str, text: str) -> None:
    def nested(depth: int) -> bytes:
        value: Any = 1
        for level in range(depth - 1):
            as_list = pair == "[]" or (pair == "mixed" and level % 2)
            value = [value] if as_list else {"a": value}
        return json.dumps({"x": value, "text": text}).encode()

    assert parse_header(nested(MAX_DEPTH))["text"] == text
    with pytest.raises(ProtocolError, match="nested more than"):
        parse_header(nested(MAX_DEPTH + 1))
