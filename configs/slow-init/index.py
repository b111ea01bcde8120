"""The Initializer sleeps SLOW_INIT_SECONDS (2) in ten steps and prints each; the handler says how
long it took."""

import os
import time

STEPS = 10
initialized_s = None


def initialize(context):
    global initialized_s
    began = time.monotonic()
    step_s = float(os.environ.get("SLOW_INIT_SECONDS", "2")) / STEPS
    for step in range(1, STEPS + 1):
        time.sleep(step_s)
        print("loading: {}%".format(step * 100 // STEPS))
    initialized_s = time.monotonic() - began


def handler(event, context):
    return {"initialized_s": round(initialized_s, 1)}
