"""Gives its event back, but for one that kills the worker."""

import os
import signal


def handler(event, context):
    if event == b"die":
        os.kill(os.getpid(), signal.SIGKILL)
    return event
