"""Ends its process in the way that the event names, and never answers."""

import os
import signal
import sys
import threading


def handler(event, context):
    print("leaving")
    if event == b"exit 0":
        os._exit(0)
    if event == b"exit 3":
        os._exit(3)
    if event == b"SystemExit":
        sys.exit(0)
    if event == b"SystemExit in a library":
        sys.exit("with words")
    if event == b"signal 11":
        os.kill(os.getpid(), signal.SIGSEGV)
    if event == b"signal 9":
        os.kill(os.getpid(), signal.SIGKILL)
    if event == b"abort":
        os.abort()
    if event == b"thread":
        threading.Thread(target=os._exit, args=(4,)).start()
        threading.Event().wait()
    return "well"
