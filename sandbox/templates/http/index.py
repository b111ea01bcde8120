"""Answers HTTP requests.

    GET /?name=world    {"greeting": "hello, world"}
    POST /echo          the body, whatever it is

The HTTP trigger gives the function each request as a JSON event (version v1), and makes the HTTP
response from the object that the handler returns.
"""

import base64
import json


def handler(event, context):
    request = json.loads(event)
    method = request["requestContext"]["http"]["method"]
    route = ROUTES.get((method, request["rawPath"]), not_found)
    return route(request)


def greet(request):
    name = (request.get("queryParameters") or {}).get("name", "nobody")
    return as_json(200, {"greeting": "hello, " + name})


def echo(request):
    headers = {name.lower(): value for name, value in (request.get("headers") or {}).items()}
    return response(200, headers.get("content-type", "text/plain"), body_of(request))


def not_found(request):
    return as_json(404, {"error": "there is nothing at " + request["rawPath"]})


ROUTES = {("GET", "/"): greet, ("POST", "/echo"): echo}


def body_of(request):
    """The bytes that the caller sent."""
    body = request.get("body") or ""
    return base64.b64decode(body) if request.get("isBase64Encoded") else body.encode("utf-8")


def as_json(status, value):
    text = json.dumps(value, ensure_ascii=False)
    return response(status, "application/json; charset=utf-8", text.encode("utf-8"))


def response(status, content_type, body):
    """The object that becomes the HTTP response; bytes that are no text go as base64."""
    try:
        text, is_base64 = body.decode("utf-8"), False
    except UnicodeDecodeError:
        text, is_base64 = base64.b64encode(body).decode("ascii"), True
    return {
        "statusCode": status,
        "headers": {"Content-Type": content_type},
        "body": text,
        "isBase64Encoded": is_base64,
    }
