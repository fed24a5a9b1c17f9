"""HTTP side of the page: three static files, and access control of the live connection."""

import hmac
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from robot_rl.page.settings import LOOPBACK_NAMES, PageSettings

STATIC = Path(__file__).parent / "static"
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/joystick.js": ("joystick.js", "text/javascript; charset=utf-8"),
    "/phone.js": ("phone.js", "text/javascript; charset=utf-8"),
    "/charts.js": ("charts.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
LIVE = "/live"
"""Path of the WebSocket."""
POLICY = "default-src 'self'; img-src 'self' blob:; connect-src 'self' ws: wss:; style-src 'self' 'unsafe-inline'"


def refusal(request: Request, settings: PageSettings) -> str:
    """Return why a request for the live connection is refused; empty: it is not.

    A page of another origin, opened in the operator's browser, must not move the arm: the origin has to be this
    server's, and on loopback the name of the host, too, since any name can be made to point there.
    """
    host = request.headers.get("Host", "")
    if settings.is_loopback and host.rpartition(":")[0] not in LOOPBACK_NAMES:
        return f"host: got {host!r}, expected this computer's name; open the link that the program printed."
    if urlsplit(request.headers.get("Origin", "")).netloc != host:
        return "origin: got another page, expected this one; open the link that the program printed."
    token = parse_qs(urlsplit(request.path).query).get("token", [""])[0]
    if settings.token and not hmac.compare_digest(token.encode(), settings.token.encode()):
        return "token: got another one, expected that of the link which the program printed."
    return ""


def answer(connection: ServerConnection, request: Request, settings: PageSettings) -> Response | None:
    """Return the answer to a request; None where the WebSocket goes on."""
    path = urlsplit(request.path).path
    if path == LIVE:
        why = refusal(request, settings)
        return connection.respond(HTTPStatus.FORBIDDEN, why + "\n") if why else None
    if path not in FILES:
        return connection.respond(HTTPStatus.NOT_FOUND, "no such page\n")
    name, kind = FILES[path]
    body = (STATIC / name).read_bytes()
    headers = {
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-cache",
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
    }
    return Response(200, "OK", Headers(headers), body)
