"""The form of a cronExpression."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config.messages.texts import in_words
from sandbox.config.props.cron import CRON_PATTERN, cron_problem


@pytest.mark.parametrize(
    "text",
    [
        "0 0 4 * * *", "0 0/5 * * * *", "0 */5 * * * ?", "0 0 8 1,15 * *", "0 0 8-18 * * MON-FRI",
        "0 0 0 1 JAN *", "0 0 0 ? * mon,WED", "59 59 23 31 12 7", "0 0 12 * * 0",
        "0  0   4 * * *", " 0 0 4 * * * ", "CRON_TZ=Asia/Shanghai 0 0 4 1 * *",
        "CRON_TZ=UTC 0 0 4 1 * *", "CRON_TZ=Etc/GMT+8 0 0 4 1 * *",
        "CRON_TZ=America/Argentina/Buenos_Aires 0 0 4 * * *",
        "@every 5m", "@every 1h", "@every 1h30m", "@every 90s", "@every 1.5h", "@every  5m",
    ],
)  # fmt: skip
def test_valid(text: str) -> None:
    assert cron_problem(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it has 0 fields, and 6 are needed: seconds minutes hours"),
        ("soon", "it has 1 fields"),
        ("0 4 * * *", "it has 5 fields, and the seconds come first: 0 0 4 * * *"),
        ("0 0 4 * * * 2025", "it has 7 fields"),
        ("60 0 4 * * *", "'60' cannot be the seconds (0 to 59)"),
        ("0 60 4 * * *", "'60' cannot be the minutes (0 to 59)"),
        ("0 0 24 * * *", "'24' cannot be the hours (0 to 23)"),
        ("0 0 4 0 * *", "'0' cannot be the day-of-month (1 to 31)"),
        ("0 0 4 * 13 *", "'13' cannot be the month (1 to 12)"),
        ("0 0 4 * * 8", "'8' cannot be the day-of-week (0 to 7)"),
        ("0 0 4 * * MONDAY", "'MONDAY' cannot be the day-of-week"),
        ("0 0 18-8 * * *", "'18-8' cannot be the hours"),
        ("0 0/0 4 * * *", "'0/0' cannot be the minutes"),
        ("0 */ 4 * * *", "'*/' cannot be the minutes"),
        ("0 1,,2 4 * * *", "'1,,2' cannot be the minutes"),
        ("0 - 4 * * *", "'-' cannot be the minutes"),
        ("0 ** 4 * * *", "'**' cannot be the minutes"),
        ("٠ 0 4 * * *", "cannot be the seconds"),
        ("@every", "an interval is written as @every 5m"),
        ("@every 5", "an interval is written as @every 5m"),
        ("@every 5 m", "an interval is written as @every 5m"),
        ("@daily", "an interval is written as @every 5m"),
        ("@every 0m", "an interval of 0"),
        ("CRON_TZ= 0 0 4 * * *", "'CRON_TZ=' is no time zone"),
        ("CRON_TZ=../../etc 0 0 4 * * *", "is no time zone"),
        ("TZ=UTC 0 0 4 * * *", "'TZ=UTC' is no time zone such as CRON_TZ=Asia/Shanghai"),
        ("CRON_TZ=UTC", "it has 0 fields"),
        ("0 " * 200, "longer than 200 characters"),
    ],
)
def test_invalid(text: str, said: str) -> None:
    problem = cron_problem(text)

    assert problem is not None
    assert said in in_words(problem, "en")


@given(st.text(alphabet="0159*/,-?@every mhsCRON_TZ=A") | st.text())
def test_any_text_has_an_answer_at_once(text: str) -> None:
    """And what is valid fits the rough form that editors are given."""
    import re

    before = time.process_time()
    problem = cron_problem(text)

    assert time.process_time() - before < 1
    assert problem is not None or re.search(CRON_PATTERN, text)
