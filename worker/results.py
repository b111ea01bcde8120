"""The bytes of a response: one function, the table of what a handler may return.

    str                 UTF-8 as it is             None, int, float, bool    JSON
    bytes               as they are                dict, list, tuple         JSON, indent 4, sorted
    datetime, date      ISO string in quotes       Decimal                   a float
    with to_json()      JSON of what it returns    anything else             TypeError

The rows below the first two hold at every depth. What raises (an object that is not in the
table, keys that do not sort, a structure that contains itself, a `to_json` of the user's) is a
function error like any other: let it out.
"""

import json
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["encode_result"]

_KEY_TYPES = (str, int, float, type(None))
_name_of_class = type.__dict__["__name__"].__get__


def encode_result(value: object) -> bytes:
    """The response that `value` stands for. Hooks go through here too."""
    if value is None:
        return b"null"
    if isinstance(value, str):
        return str.encode(value, "utf-8")
    if isinstance(value, bytes):
        # Not `bytes(value)`: a subclass may have a __bytes__ that makes it something else.
        return value if type(value) is bytes else bytes(memoryview(value))
    try:
        return _to_json(value).encode("ascii")
    except Exception as exc:
        _refuse_key(exc)
        raise


def _replace(value: "Any") -> object:
    """What json encodes in place of an object that it does not know."""
    if _is_instance(value, "decimal", "Decimal"):
        return float(value)
    if _is_instance(value, "datetime", "date"):
        return value.isoformat()
    if hasattr(value, "to_json"):
        return value.to_json()
    raise TypeError(_repr(value) + " is not JSON serializable")


_to_json = json.JSONEncoder(indent=4, sort_keys=True, default=_replace).encode


def _is_instance(value: object, module: str, name: str) -> bool:
    # Nobody can hold a Decimal unless decimal is loaded; importing it here would cost every
    # start several milliseconds.
    known = getattr(sys.modules.get(module), name, None)
    return isinstance(known, type) and isinstance(value, known)


def _repr(value: object) -> str:
    try:
        return repr(value)
    except BaseException:
        return "<unprintable {} object>".format(_name_of_class(type(value)))


def _refuse_key(exc: Exception) -> None:
    """Raises the error about a dict's key as Python 3.7 words it, if that is what `exc` is.

    3.6 puts the key's repr into the text, so that the text, and with a repr that raises even the
    type of the error, would be another there. The key is still in json's own frame.
    """
    step = exc.__traceback__
    while step is not None:
        frame = step.tb_frame
        if frame.f_code.co_name == "_iterencode_dict" and frame.f_globals is vars(json.encoder):
            key = frame.f_locals.get("key")
            if not isinstance(key, _KEY_TYPES):
                text = "keys must be str, int, float, bool or None, not "
                raise TypeError(text + _name_of_class(type(key))).with_traceback(
                    exc.__traceback__
                ) from None
        step = step.tb_next
