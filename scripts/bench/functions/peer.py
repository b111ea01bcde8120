"""The same for functions-framework, gunicorn and python-lambda-local, in their own forms."""

import json
import logging


def echo_http(request):
    return request.get_data()


def echo_wsgi(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def hello_lambda(event, context):
    logging.getLogger().info("handler")
    return "hello, {}".format(json.loads(json.dumps(event)).get("name", "nobody"))
