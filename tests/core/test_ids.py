"""Ids: their form, and the block of randomness that they are cut from."""

import re

from sandbox.core.ids import IdSource

WALL_S = 0x65E5_9C08 + 0.75


def counting_bytes(sizes: list[int]):  # type: ignore[no-untyped-def]
    """A source of bytes that counts up, and notes how many were asked for."""

    def take(size: int) -> bytes:
        sizes.append(size)
        return bytes(at % 256 for at in range(size))

    return take


def test_request_id() -> None:
    """`1-`, Unix seconds in hex, then eight and twelve digits of randomness."""
    ids = IdSource(counting_bytes([]), lambda: WALL_S)

    assert ids.request_id() == "1-65e59c08-00010203-040506070809"


def test_instance_id() -> None:
    """As a request id, but for its first letter."""
    ids = IdSource(counting_bytes([]), lambda: WALL_S)

    assert ids.instance_id() == "c-65e59c08-00010203-040506070809"


def test_small_clock_is_padded() -> None:
    """The seconds always have eight digits."""
    ids = IdSource(counting_bytes([]), lambda: 1.0)

    assert re.fullmatch(r"1-00000001-[0-9a-f]{8}-[0-9a-f]{12}", ids.request_id())


def test_randomness_is_taken_in_blocks_and_never_twice() -> None:
    """A thousand ids cost ten reads, and no two ids share their random part."""
    sizes: list[int] = []
    stream = iter(range(10**9))

    def take(size: int) -> bytes:
        sizes.append(size)
        return b"".join(next(stream).to_bytes(10, "big") for _ in range(size // 10))

    ids = IdSource(take, lambda: WALL_S)
    made = [ids.request_id() for _ in range(1000)]

    assert len(set(made)) == 1000
    assert sizes == [1000] * 10
