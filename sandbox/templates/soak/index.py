"""Works a little for each request, and fails when it is asked to.

    {"number": 1}  ->  {"digest": "9a25187b...", "number": 1}

ROUNDS says how much work a request is. With FAIL_EVERY=50 every 50th request fails: in turn by an
exception, and by the end of the process.
"""

import hashlib
import json
import os

rounds = int(os.environ["ROUNDS"])
fail_every = int(os.environ["FAIL_EVERY"])
served = 0


def initialize(context):
    print("{} rounds a request, failures: {}".format(rounds, fail_every or "none"))


def handler(event, context):
    global served
    number = json.loads(event)["number"]
    if fail_every and number % fail_every == 0:
        fail(number // fail_every)
    served += 1
    return {"digest": digest_of(number), "number": number}


def pre_stop(context):
    print("served {}".format(served))


def fail(times):
    if times % 2 == 0:
        os._exit(1)
    raise RuntimeError("raised on purpose")


def digest_of(number):
    digest = str(number).encode()
    for _ in range(rounds):
        digest = hashlib.sha256(digest).digest()
    return digest.hex()
