"""Dies of a segmentation fault in native code."""

import ctypes


def handler(event, context):
    if event == b"well":
        return "well"
    print("before the fault")
    ctypes.string_at(0)


def stop(context):
    print("stopping")
    ctypes.string_at(0)
