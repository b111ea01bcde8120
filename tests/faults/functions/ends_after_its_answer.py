"""Answers, and is gone a moment later by the hand of one of its threads."""

import os
import threading
import time


def _end():
    time.sleep(0.02)
    os._exit(9)


def handler(event, context):
    threading.Thread(target=_end, daemon=True).start()
    return "done"
