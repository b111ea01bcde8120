"""Serves a WSGI application from an HTTP trigger's event (FC 3.0, event version v1).

`handler` is the bridge, in two halves: event -> environ and WSGI answer -> response object.
Replace `application` by a Flask or Django one: the bridge stays as it is.
"""

import base64
import io
import json
import sys
from urllib.parse import unquote_to_bytes, urlencode

from app import application


def handler(event, context):
    request = json.loads(event)
    answer = {}

    def start_response(status, headers, exc_info=None):
        answer["statusCode"] = int(status.split(" ", 1)[0])
        answer["headers"] = join_headers(headers)
        return written.append

    written = []
    chunks = application(environ_of(request), start_response)
    try:
        written.extend(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    answer["body"], answer["isBase64Encoded"] = encode_body(b"".join(written))
    return answer


def environ_of(request):
    """The WSGI environ (PEP 3333: text that is decoded as latin-1) of an HTTP trigger's event."""
    http = request["requestContext"]["http"]
    body = request.get("body") or ""
    body = base64.b64decode(body) if request.get("isBase64Encoded") else body.encode("utf-8")
    headers = {name.lower(): value for name, value in (request.get("headers") or {}).items()}
    environ = {
        "REQUEST_METHOD": http["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.get("rawPath") or "/").decode("latin-1"),
        "QUERY_STRING": urlencode(request.get("queryParameters") or {}),
        "CONTENT_TYPE": headers.pop("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": request["requestContext"].get("domainName", "localhost"),
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": http.get("protocol", "HTTP/1.1"),
        "REMOTE_ADDR": http.get("sourceIp", ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    headers.pop("content-length", None)
    for name, value in headers.items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


def join_headers(headers):
    """One text per name, as the response object wants them."""
    joined = {}
    for name, value in headers:
        joined[name] = joined[name] + "," + value if name in joined else value
    return joined


def encode_body(body):
    """(body, isBase64Encoded): text as it is, anything else in base64."""
    try:
        return body.decode("utf-8"), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode("ascii"), True
