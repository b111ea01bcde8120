"""A small WSGI application: GET / greets, POST /echo gives back the body, GET /pixel a picture."""

from urllib.parse import parse_qs

PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


def application(environ, start_response):
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if method == "GET" and path == "/":
        name = parse_qs(environ["QUERY_STRING"]).get("name", ["world"])[0]
        return answer(start_response, "200 OK", "text/plain; charset=utf-8", "hello, " + name)
    if method == "POST" and path == "/echo":
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        return answer(start_response, "200 OK", environ["CONTENT_TYPE"], body)
    if method == "GET" and path == "/pixel":
        return answer(start_response, "200 OK", "image/gif", PIXEL)
    return answer(start_response, "404 Not Found", "text/plain; charset=utf-8", "not found")


def answer(start_response, status, content_type, body):
    if not isinstance(body, bytes):
        body = body.encode("utf-8")
    start_response(status, [("Content-Type", content_type)])
    return [body]
