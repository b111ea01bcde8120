"""The signatures of requests, against the SDKs' own code and against whoever changes something."""

import base64
import hashlib
import hmac
import time
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from alibabacloud_tea_openapi.utils import Utils
from fc2.auth import Auth
from hypothesis import example, given
from hypothesis import strategies as st

from sandbox.http.door import AccessKey
from sandbox.http.refusals import Refused
from sandbox.http.signatures import CLOCK_SKEW_S, Head, check_signature

KEY = AccessKey("id", "secret")
NOW_S = 1_700_000_000.0
EMPTY = hashlib.sha256(b"").hexdigest()
words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
queries = st.dictionaries(words.filter(str.isidentifier), texts, max_size=4)


def fc_head(path: str = "/2016-08-15/services/s/functions/f/invocations", **changed: Any) -> Head:
    """As aliyun-fc2 signs it."""
    queries = changed.pop("queries", None)
    headers = {
        "host": "127.0.0.1:1",
        "date": formatdate(changed.pop("date_s", NOW_S), usegmt=True),
        "content-type": "application/json",
        **changed.pop("headers", {}),
    }
    key = changed.pop("key", KEY)
    headers["authorization"] = Auth(*key).sign_request("POST", path, headers, queries)
    headers |= changed.pop("after", {})
    query = changed.pop("query", urlencode(queries or {}))
    assert not changed
    return Head("POST", path, quote(path), query, headers.items())


def acs_head(
    path: str = "/2023-03-30/functions/f/invocations", body: bytes = b"", **changed: Any
) -> Head:
    """As the generated SDKs sign it."""
    queries = changed.pop("queries", {})
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(changed.pop("date_s", NOW_S)))
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "host": "127.0.0.1:1",
        "x-acs-date": date,
        "x-acs-version": "2023-03-30",
        "x-acs-signature-nonce": "n",
        "x-acs-content-sha256": digest,
        **changed.pop("headers", {}),
    }
    key = changed.pop("key", KEY)
    raw_path = quote(path)
    request = SimpleNamespace(method="POST", pathname=raw_path, query=queries, headers=headers)
    authorization = Utils.get_authorization(request, "ACS3-HMAC-SHA256", digest, *key)
    headers = {**headers, "Authorization": authorization, **changed.pop("after", {})}
    query = changed.pop("query", urlencode(queries))
    assert not changed
    return Head("POST", path, raw_path, query, headers.items())


def refusal_of(head: Head, key: AccessKey = KEY) -> str:
    with pytest.raises(Refused) as caught:
        check_signature(head, key, NOW_S)
    assert caught.value.status == 403
    assert caught.value.message != KEY.secret
    return caught.value.code


@given(words, words, st.dictionaries(words, words, max_size=3))
def test_what_aliyun_fc2_signs_is_accepted(id: str, secret: str, more: dict[str, str]) -> None:
    key = AccessKey(id.replace(":", ".").replace(",", "."), secret)
    headers = {f"x-fc-{name.lower()}": value for name, value in more.items()}

    assert check_signature(fc_head(key=key, headers=headers), key, NOW_S) is None


@given(queries)
def test_what_aliyun_fc2_signs_for_triggers_is_accepted(queries: dict[str, str]) -> None:
    head = fc_head("/2016-08-15/proxy/s/f/\u4f60", queries=queries)

    assert check_signature(head, KEY, NOW_S) is None


@given(queries, st.binary())
def test_what_the_generated_sdks_sign_is_accepted(queries: dict[str, str], body: bytes) -> None:
    signed = check_signature(acs_head(body=body, queries=queries), KEY, NOW_S)

    assert signed is not None
    signed.check(hashlib.sha256(body).digest())
    with pytest.raises(Refused, match="the body is not the one that was signed"):
        signed.check(hashlib.sha256(body + b".").digest())


@pytest.mark.parametrize("make", [fc_head, acs_head])
def test_another_secret_or_id_is_refused(make: Any) -> None:
    assert refusal_of(make(key=AccessKey("id", "other"))) == "SignatureNotMatch"
    assert refusal_of(make(key=AccessKey("other", "secret"))) == "AccessDenied"


@pytest.mark.parametrize("make", [fc_head, acs_head])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_date_is_good_for_a_quarter_of_an_hour(make: Any, sign: int) -> None:
    check_signature(make(date_s=NOW_S + sign * CLOCK_SKEW_S), KEY, NOW_S)

    assert refusal_of(make(date_s=NOW_S + sign * (CLOCK_SKEW_S + 1))) == "AccessDenied"


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (fc_head(after={"content-type": "text/html"}), "SignatureNotMatch"),
        (fc_head(after={"x-fc-log-type": "Tail"}), "SignatureNotMatch"),
        (fc_head(after={"content-md5": "x"}), "SignatureNotMatch"),
        (fc_head(after={"date": formatdate(NOW_S - 1, usegmt=True)}), "SignatureNotMatch"),
        (fc_head(after={"date": "yesterday"}), "AccessDenied"),
        (fc_head(after={"authorization": "FC id:!"}), "AccessDenied"),
        (fc_head(after={"authorization": "FC id:AAA"}), "SignatureNotMatch"),
        (fc_head(after={"authorization": "Basic aWQ6c2VjcmV0"}), "AccessDenied"),
        (fc_head(after={"authorization": ""}), "AccessDenied"),
        (fc_head("/f/page", queries={"a": "1"}, query="a=2"), "SignatureNotMatch"),
        (fc_head("/f/page", queries={}, query="a=2"), "SignatureNotMatch"),
        (acs_head(query="qualifier=1"), "SignatureNotMatch"),
        (acs_head(after={"host": "other"}), "SignatureNotMatch"),
        (acs_head(after={"x-acs-content-sha256": hashlib.sha256(b"1").hexdigest()}),
         "SignatureNotMatch"),
        (acs_head(after={"x-acs-action": "DeleteFunction"}), "AccessDenied"),
        (acs_head(after={"X-Acs-Date": "2023-11-14T22:13:20Z", "x-acs-date": "now"}),
         "AccessDenied"),
        (acs_head(headers={"x-acs-content-sha256": "UNSIGNED-PAYLOAD"}), "AccessDenied"),
    ],
)  # fmt: skip
def test_whatever_was_changed_is_noticed(head: Head, code: str) -> None:
    assert refusal_of(head) == code


def test_the_method_and_the_path_are_signed() -> None:
    signed = fc_head()
    headers = [(name, value) for name in signed.names() for value in signed.values(name)]
    for method, path in [("DELETE", signed.path), ("POST", signed.path.replace("/f/", "/g/"))]:
        assert refusal_of(Head(method, path, path, "", headers)) == "SignatureNotMatch"


def test_a_signature_that_leaves_out_what_counts_is_refused() -> None:
    lines = f"POST\n/\n\nx-acs-date:2023-11-14T22:13:20Z\n\nx-acs-date\n{EMPTY}"
    digest = hashlib.sha256(lines.encode()).hexdigest()
    found = hmac.digest(b"secret", f"ACS3-HMAC-SHA256\n{digest}".encode(), "sha256").hex()
    text = f"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=x-acs-date,Signature={found}"
    headers = {
        "authorization": text, "x-acs-date": "2023-11-14T22:13:20Z", "x-acs-content-sha256": EMPTY,
    }  # fmt: skip

    assert refusal_of(Head("POST", "/", "/", "", headers.items())) == "AccessDenied"


def test_two_authorizations_are_refused() -> None:
    head = fc_head()
    headers = [(name, value) for name in head.names() for value in head.values(name)]
    twice = [*headers, ("authorization", "FC id:x")]

    assert refusal_of(Head("POST", head.path, head.path, "", twice)) == "AccessDenied"


@pytest.mark.parametrize(
    "digest",
    [hashlib.md5(b"1").hexdigest(), base64.b64encode(hashlib.md5(b"1").digest()).decode()],
)
def test_a_signed_md5_of_the_body_is_held_against_it(digest: str) -> None:
    signed = check_signature(fc_head(headers={"content-md5": digest}), KEY, NOW_S)

    assert signed is not None
    signed.check(hashlib.md5(b"1").digest())
    with pytest.raises(Refused, match="body"):
        signed.check(hashlib.md5(b"2").digest())


@example("FC a:b=", "Mon, 01 Jan 99999 00:00:00 GMT")
@example("FC a:b=", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
@given(st.text(max_size=80), st.text(max_size=80))
def test_no_text_makes_it_fail(authorization: str, date: str) -> None:
    for name in ("date", "x-acs-date", "content-md5"):
        headers = {"authorization": authorization, name: date}
        assert refusal_of(Head("GET", "/", "/", "", headers.items())) == "AccessDenied"


@pytest.mark.parametrize("text", ["", "id", "id:", ":secret", "i d:secret", "id:s\u00e9", "a,b:c"])
def test_what_is_no_access_key_is_said_without_it(text: str) -> None:
    with pytest.raises(ValueError, match="access key") as caught:
        AccessKey.parsed(text)
    assert not text or text not in str(caught.value)


def test_an_access_key_never_shows_its_secret() -> None:
    key = AccessKey.parsed("id:hidden:too")

    assert key.secret == "hidden:too"
    assert "hidden" not in f"{key} {key!r} {[key]}"
