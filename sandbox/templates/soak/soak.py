"""Kills workers at random under load, and checks that each request has exactly one outcome.

    python soak.py                           1000 requests
    python soak.py --seconds 60 --seed 7     with the choices of an earlier run
    FAIL_EVERY=50 python soak.py             every 50th request fails as well

The seed repeats the choices; when exactly a kill hits is up to the machine. The exit code is 1 when
a request had no outcome, or two, or the answer to another request.
"""

import argparse
import json
import math
import random
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path

from sandbox import Cause, NotFound, Sandbox

NAME = "{{ name }}"
AT_A_TIME = 8
KILL_SHARE = 0.2
PATIENCE_S = 60


def soak(box, events, numbers, end_s, dice):
    """Counts what came of the requests, and tells what must not be."""
    counts, wrong = Counter(), []
    outcomes = Counter()  # of each request: its replies in the event stream minus its results
    while time.monotonic() < end_s and (batch := list(islice(numbers, AT_A_TIME))):
        asked = {n: box.submit(NAME, json.dumps({"number": n}).encode()) for n in batch}
        if dice.random() < KILL_SHARE:
            counts["kills"] += kill_one(box, dice.random())
        for number, future in asked.items():
            try:
                result = future.result(PATIENCE_S)
            except TimeoutError:
                wrong.append(f"request {number}: no outcome within {PATIENCE_S} s")
                continue
            counts[result.cause] += 1
            if result.ok and json.loads(result.body)["number"] != number:
                wrong.append(f"request {number}: the answer to another one")
            if result.instance_id:  # The stream does not have what never reached an instance.
                outcomes[result.request_id] -= 1
        settle(outcomes, events)
    return counts, wrong, outcomes


def settle(outcomes, events):
    """Takes in the replies of the event stream; what is even need not be kept."""
    outcomes.update(e.request_id for e in events.take() if e.name == "fcbox:Request:Replied")
    for request in [request for request, odd in outcomes.items() if not odd]:
        del outcomes[request]


def kill_one(box, draw):
    alive = [instance for instance in box.instances() if instance.pid]
    try:
        box.kill(alive[int(draw * len(alive))])
    except (IndexError, NotFound):  # There is none, or it has ended meanwhile.
        return 0
    return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--invocations", type=int, help="how many; 1000 if no time is given")
    parser.add_argument("--seconds", type=float, help="for how long")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    print("seed", options.seed, flush=True)
    most = options.invocations or (sys.maxsize if options.seconds else 1000)
    end_s = time.monotonic() + (options.seconds or math.inf)
    with Sandbox.from_config(str(Path(__file__).with_name("s.yaml"))) as box:
        events = box.events()
        dice = random.Random(options.seed)
        counts, wrong, outcomes = soak(box, events, iter(range(1, most + 1)), end_s, dice)
    settle(outcomes, events)  # What came after the last request, too.
    wrong += [f"request {request}: {1 + odd} outcomes" for request, odd in outcomes.items()]
    kills, good, killed = counts.pop("kills", 0), counts[Cause.OK], counts[Cause.SIGNAL]
    failed = counts.total() - good - killed
    print(f"{counts.total()} requests: {good} ok, {failed} failed, {killed} killed; {kills} kills")
    print("\n".join(wrong) or "each request had exactly one outcome")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
