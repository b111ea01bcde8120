"""Sixteen threads that print long lines of multi-byte characters in several writes."""

import sys
import threading


def _print(thread):
    for number in range(500):
        sys.stdout.write(f"t{thread:02d}-{number:04d} ")
        sys.stdout.write("\u6c34" * 96 + "\n")


def handler(event, context):
    threads = [threading.Thread(target=_print, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 16 * 500
