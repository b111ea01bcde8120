"""What the caller reads when the user's code failed: the error body, and how it is made.

    {
        "errorMessage": "boom",
        "errorType": "MyError",
        "stackTrace": [                                     indent 4, keys sorted, ASCII
            ["File \\"/code/index.py\\"", "line 2", "in my_handler", "raise MyError('boom')"]
        ]
    }

A traceback becomes one list per frame, outermost first: the frame's head as CPython prints it,
split at *every* comma, then the source line (empty when there is none). A failure to load has a
flat list instead: what `traceback` prints below the frames, split in the same way. A list that
would be empty is left out.

Only the raised exception counts, not its cause or context. Frames of this package and of the
import system are not the user's business. Paths are shown as the function sees them in the
cloud (`/code/...`). Nothing here depends on how the running Python formats a traceback: carets,
suggestions and wording differ between versions, the body does not.

A recursion is cut as CPython cuts it; a stack of more than 2000 frames loses its middle.

The exception is hostile until proven otherwise: `str()` is called on it once at most, `repr()`
and its attributes' getters never, and whatever they raise is answered with a stand-in.
"""

import json
import linecache
import tokenize  # linecache imports it late since 3.13: by then the user's own would be found
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple, Union

    Stack = Union[List[str], List[List[str]]]
    Walk = Iterable[Tuple[FrameType, int]]
    Frame = Tuple[str, int, str, str]  # path as the function sees it, line, function, source

__all__ = [
    "Failure",
    "flat_stack",
    "from_exception",
    "is_below",
    "message_of",
    "sanitise_path",
    "stack_text",
    "type_name",
]

CODE_ROOT = "/code"
MESSAGE_LIMIT_CHARS = 1 << 20
STACK_LIMIT_FRAMES = 2000
REPEATS_SHOWN = 3  # as CPython prints a recursion: three times, then how often again

# Read through the types themselves: a metaclass may define __name__, and an exception
# __traceback__, as a property that raises.
_name_of_class = type.__dict__["__name__"].__get__
_traceback_of = BaseException.__dict__["__traceback__"].__get__


class Failure(object):
    """One error body before it is encoded. `stack` may be flat, a list of lists, or None."""

    __slots__ = ("error_type", "message", "stack")

    def __init__(self, error_type: str, message: str, stack: "Optional[Stack]" = None) -> None:
        self.error_type = error_type
        self.message = message
        self.stack = stack

    def body(self) -> bytes:
        """The JSON that the caller gets."""
        fields: "Dict[str, object]" = {
            "errorMessage": self.message,
            "errorType": self.error_type,
        }
        if self.stack:
            fields["stackTrace"] = self.stack
        return json.dumps(fields, indent=4, sort_keys=True).encode("ascii")


def from_exception(exc: BaseException, code_dir: str, own_dir: str) -> Failure:
    """The failure that an exception out of user code is."""
    walk = traceback.walk_tb(_traceback_of(exc))
    stack = [_items(run) for run in _runs(_visible(walk, code_dir, own_dir))]
    return Failure(type_name(exc), message_of(exc), stack)


def type_name(exc: BaseException) -> str:
    """The class's name, without its module."""
    name: str = _name_of_class(type(exc))
    return name


def message_of(exc: BaseException) -> str:
    """`str(exc)`, or a stand-in where that raises."""
    try:
        text = str(exc)
    except BaseException:
        return "<unprintable {} object>".format(type_name(exc))
    # An exact str: __str__ may have returned an instance of a subclass with ideas of its own.
    return str.__str__(text)[:MESSAGE_LIMIT_CHARS]


def flat_stack(text: str) -> "List[str]":
    """The parts of a text between its commas and newlines, stripped; empty ones left out."""
    parts = (part.strip() for line in text.split("\n") for part in line.split(","))
    return [part for part in parts if part]


def stack_text(walk: "Walk", code_dir: str, own_dir: str) -> "List[str]":
    """The lines of a stack dump, as CPython prints a traceback (empty: no frame is the user's)."""
    lines = []
    for frame, repeats in _runs(_visible(walk, code_dir, own_dir)):
        lines.append("  " + (_head(frame) if frame else _repeated(repeats)))
        if frame and frame[3]:
            lines.append("    " + frame[3])
    return lines


def sanitise_path(path: str, code_dir: str) -> str:
    """The path as the function sees it in the cloud."""
    if is_below(path, code_dir):
        return CODE_ROOT + path[len(code_dir.rstrip("/")) :]
    return path


def is_below(path: str, folder: str) -> bool:
    """Whether the path is in the folder. Nothing is below an empty one."""
    folder = folder.rstrip("/")
    return bool(folder) and path.startswith(folder + "/")


def _visible(walk: "Walk", code_dir: str, own_dir: str) -> "List[Frame]":
    """The frames that are the user's to see, the middle left out of a stack that is too long."""
    seen = []
    for frame, line in walk:
        path = frame.f_code.co_filename
        if not is_below(path, own_dir) and not path.startswith("<frozen importlib"):
            seen.append((frame, line))
    if len(seen) > STACK_LIMIT_FRAMES:
        seen[STACK_LIMIT_FRAMES // 2 : -STACK_LIMIT_FRAMES // 2] = []
    return [_describe(frame, line, code_dir) for frame, line in seen]


def _describe(frame: "FrameType", line: int, code_dir: str) -> "Frame":
    path = frame.f_code.co_filename
    source = _source(path, line, frame.f_globals)
    return sanitise_path(path, code_dir), line, frame.f_code.co_name, source


def _source(path: str, line: int, module_globals: "Dict[str, Any]") -> str:
    try:
        linecache.checkcache(path)
        return linecache.getline(path, line, module_globals).strip()
    except Exception:  # a __loader__ of the user's own, or no descriptor left to open the file
        return ""


def _runs(frames: "List[Frame]") -> "Iterator[Tuple[Optional[Frame], int]]":
    """The frames, a run of equal ones cut to three and followed by `None, how often again`."""
    last: "Optional[Frame]" = None
    count = 0
    for frame in frames:
        if frame != last:
            if count > REPEATS_SHOWN:
                yield None, count - REPEATS_SHOWN
            last, count = frame, 0
        count += 1
        if count <= REPEATS_SHOWN:
            yield frame, 0
    if count > REPEATS_SHOWN:
        yield None, count - REPEATS_SHOWN


def _items(run: "Tuple[Optional[Frame], int]") -> "List[str]":
    frame, repeats = run
    if frame is None:
        return [_repeated(repeats), ""]  # a "frame" without a source line, as in the cloud
    return [item.strip() for item in _head(frame).split(",")] + [frame[3]]


def _head(frame: "Frame") -> str:
    return 'File "{}", line {}, in {}'.format(*frame[:3])


def _repeated(count: int) -> str:
    return "[Previous line repeated {} more time{}]".format(count, "s" if count > 1 else "")
