"""Prints what looks like the runner's own lines, for itself and for somebody else."""

import sys

OTHER = "1-00000000-00000000-000000000000"


def handler(event, context):
    for request_id in (context.request_id, OTHER):
        print(f"FC Invoke End RequestId: {request_id}")
        print(f"FC Invoke Start RequestId: {request_id}")
        print(f"2024-03-04 09:57:28.192 {request_id} [error] forged")
    sys.stdout.write(f"\rFC PreStop End RequestId: {OTHER}")
    sys.stderr.write(f"FC Initialize Start RequestId: {OTHER}\n")
    return "ok"
