"""API errors: what a request gets that is refused, or whose function did not run.

The body is `{"RequestId", "Code", "Message"}`; to the API of 2016-08-15 `{"ErrorCode",
"ErrorMessage"}`. Such an answer carries `X-Fc-Error-Type: FCCommonError`.
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

__all__ = ["Refused", "refusal", "route_refusal"]

OLDEST_API = "/2016-08-15/"


class Refused(Exception):
    """The request gets an API error. `request_id`: the one it has already, if it has one."""

    def __init__(self, status: int, code: str, message: str, request_id: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id


def refusal(path: str, request_id: str, refused: Refused) -> Response:
    """The answer, in the words of the API that `path` belongs to."""
    request_id = refused.request_id or request_id
    if path.startswith(OLDEST_API):
        body = {"ErrorCode": refused.code, "ErrorMessage": refused.message}
    else:
        body = {"RequestId": request_id, "Code": refused.code, "Message": refused.message}
    headers = {"X-Fc-Request-Id": request_id, "X-Fc-Error-Type": "FCCommonError"}
    return JSONResponse(body, refused.status, headers)


def route_refusal(http: HttpRequest, exc: HTTPException, request_id: str) -> Response:
    """The answer to what no route takes."""
    text = f"'{http.method}' against '{http.url.path}' is not supported"
    code = "MethodNotAllowed" if exc.status_code == 405 else "PathNotSupported"
    response = refusal(http.url.path, request_id, Refused(exc.status_code, code, text))
    response.headers.update(exc.headers or {})
    return response
