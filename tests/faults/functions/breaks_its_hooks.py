"""An Initializer and a PreStop that go wrong in the way that MODE names."""

import os
import signal
import threading
import time

MODE = os.environ["MODE"]


def initialize(context):
    print("Initializer runs")
    if MODE == "abort in Initializer":
        os.abort()
    if MODE == "hang in Initializer":
        threading.Event().wait()
    if MODE == "raise in Initializer":
        raise ValueError("not today")
    if MODE == "leave in Initializer":
        raise SystemExit(5)


def handler(event, context):
    return "the handler ran"


def stop(context):
    print("PreStop runs")
    if MODE == "abort in PreStop":
        os.abort()
    if MODE == "raise in PreStop":
        raise ValueError("not today")
    if MODE == "hang in PreStop":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(3600)
