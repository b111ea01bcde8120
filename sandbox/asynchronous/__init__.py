"""Asynchronous invocations: accepted now, run as soon as there is room, retried by policy.

    records      what is known of one asynchronous invocation
    policy       what follows an attempt: pure, time is a parameter
    schedule     which invocation is due when: pure, time is a parameter
    destinations who is told of the result, and with what event: pure
    store        the invocations in an SQLite file
    places       which file that is, and who may use it
    writer       the thread that writes it, many changes with one fsync(2)
    ledger       what is not on the disk yet, written again until it is
    queue        all of it over the supervisor

What was accepted is done or reported. An attempt is counted in the file before it begins: when
the supervisor is killed in the middle of it, it counts as one, and is never run more often than
the policy says.
"""
