"""Keeps its process busy, or deaf, for as long as it lives."""

import signal
import time


def busy(event, context):
    if event == b"well":
        return "well"
    while True:
        pass


def deaf(event, context):
    if event == b"well":
        return "well"
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 65)) - {9, 19, 32, 33})
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            pass


def stop(context):
    while True:
        time.sleep(3600)
