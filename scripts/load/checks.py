"""What is promised under load; each check gives what it found wrong."""

import json
import signal
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

__all__ = [
    "Answer", "Call", "Held", "check_end", "check_held", "check_memory", "check_outcomes",
    "check_runs", "describe", "is_good",
]  # fmt: skip

CAUSES = ("signal",)
"""How a request may fail that ran: its worker was killed."""

_GROWTH_KB = 8 << 10
"""The heap of an interpreter is not flat to the page: what comes and goes at a time is a few MB. A
leak of 100 bytes a request is 10 MB in a minute."""


class Answer(NamedTuple):
    """An HTTP response. The names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Call(NamedTuple):
    """A request and what came of it; `answer` is None when nothing did, and `why` says more."""

    id: int
    answer: Answer | None
    took_s: float
    why: str = ""


class Held(NamedTuple):
    """What the supervisor holds while it has nothing to do."""

    descriptors: int
    zombies: int


def check_outcomes(calls: Iterable[Call]) -> list[str]:
    """Every request has one outcome, its own, and only the documented errors."""
    problems = []
    seen: set[str] = set()
    for call in calls:
        if call.answer is None:
            problems.append(f"request {call.id}: lost: {call.why}")
            continue
        request_id = call.answer.headers.get("x-fc-request-id", "")
        if not request_id or request_id in seen:
            problems.append(f"request {call.id}: request id {request_id!r} is not its own")
        seen.add(request_id)
        problem = _check_answer(call.id, call.answer)
        if problem:
            problems.append(f"request {call.id}: {problem}")
    return problems


def _check_answer(id: int, answer: Answer) -> str:
    cause = answer.headers.get("x-fcbox-cause", "")
    if answer.status == 503 and json.loads(answer.body)["Code"] == "ServiceUnavailable":
        return ""
    if answer.status != 200:
        return f"status {answer.status}: {answer.body[:100]!r}"
    if cause:
        return "" if cause in CAUSES else f"failed by {cause}, not by a kill: {answer.body[:100]!r}"
    return "" if is_good(answer, id) else f"another's answer: {answer.body[:100]!r}"


def is_good(answer: Answer, id: int) -> bool:
    """It is the function's own answer to this request."""
    return (
        answer.status == 200
        and "x-fc-error-type" not in answer.headers
        and json.loads(answer.body) == {"id": id}
    )


def check_runs(calls: Iterable[Call], ran: Sequence[int]) -> list[str]:
    """Nothing ran twice, nothing ran that nobody asked for, what was answered well did run."""
    counts, asked = Counter(ran), {call.id for call in calls}
    problems = [f"request {id}: ran {count} times" for id, count in counts.items() if count > 1]
    problems += [f"request {id}: ran, and nobody asked for it" for id in counts.keys() - asked]
    for call in calls:
        if call.answer is None:
            continue
        if is_good(call.answer, call.id) and call.id not in counts:
            problems.append(f"request {call.id}: a good answer, and it did not run")
        if call.answer.status == 503 and call.id in counts:
            problems.append(f"request {call.id}: ran, though the answer says that it did not")
    return problems


def check_memory(early_kb: int, late_kb: int) -> list[str]:
    """The supervisor did not grow."""
    growth_kb = late_kb - early_kb
    return [f"grew from {early_kb} to {late_kb} KB"] if growth_kb > _GROWTH_KB else []


def check_held(before: Held, after: Held) -> list[str]:
    """What it opened it closed, what it started it reaped."""
    problems = []
    if after.descriptors > before.descriptors:
        problems.append(f"{before.descriptors} descriptors before, {after.descriptors} after")
    if after.zombies:
        problems.append(f"{after.zombies} dead children are not reaped")
    return problems


def check_end(code: int, left: Sequence[str]) -> list[str]:
    """It ended in good order, and nothing is left of it."""
    problems = [] if code == 128 + signal.SIGTERM else [f"exit code {code}"]
    return problems + [f"left: {text}" for text in left]


def describe(answer: Answer | None) -> str:
    """An outcome in a word."""
    if answer is None:
        return "lost"
    return answer.headers.get("x-fcbox-cause", "ok" if answer.status == 200 else str(answer.status))
