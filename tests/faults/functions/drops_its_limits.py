"""Takes away from itself what it may: descriptors, file sizes, processes, processor time."""

import resource


def handler(event, context):
    for name, limit in (("NOFILE", 0), ("FSIZE", 0), ("NPROC", 0), ("CPU", 1)):
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (limit, limit))
    if event == b"burn":
        while True:
            pass
    return "ok"
