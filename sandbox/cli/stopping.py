"""Which signals ask a command to stop."""

import signal

__all__ = ["stop_signals"]


def stop_signals() -> list[int]:
    """Those to handle: what is ignored on purpose, as under nohup, stays ignored."""
    asking = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return [signum for signum in asking if signal.getsignal(signum) is not signal.SIG_IGN]
