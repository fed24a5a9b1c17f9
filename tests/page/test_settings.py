"""Where the page listens, and who may use it."""

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from robot_rl.core.errors import ConfigError
from robot_rl.page.settings import PageSettings
from robot_rl.page.web import refusal

LOCAL = PageSettings("127.0.0.1:8500")
OPEN = PageSettings("0.0.0.0:8500", token="secret")


def request(host: str, origin: str | None, path: str = "/live") -> Request:
    headers = Headers({"Host": host})
    if origin is not None:
        headers["Origin"] = origin
    return Request(path, headers)


@pytest.mark.parametrize("address", ["", "8500", ":8500", "localhost", "localhost:x", "localhost:70000"])
def test_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="page address"):
        PageSettings(address)


def test_token_is_made_beyond_loopback_only() -> None:
    assert PageSettings("localhost:0").token == PageSettings("[::1]:0").token == ""
    link = PageSettings("0.0.0.0:0")
    assert len(link.token) >= 16
    assert link.token in link.url(8500)
    assert PageSettings("0.0.0.0:0").token != link.token


@pytest.mark.parametrize("host", ["127.0.0.1:8500", "localhost:8500"])
def test_own_page_is_let_in(host: str) -> None:
    assert refusal(request(host, f"http://{host}"), LOCAL) == ""


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8500", "http://evil.example"),
        ("127.0.0.1:8500", None),
        ("127.0.0.1:8500", "null"),
        ("127.0.0.1:8500", "http://127.0.0.1:9000"),
        ("evil.example:8500", "http://evil.example:8500"),  # a name that was made to point here
    ],
)
def test_page_of_another_origin_is_refused(host: str, origin: str | None) -> None:
    assert refusal(request(host, origin), LOCAL)


@pytest.mark.parametrize(
    ("path", "allowed"), [("/live?token=secret", True), ("/live?token=other", False), ("/live", False)]
)
def test_token_is_required_beyond_loopback(path: str, allowed: bool) -> None:
    answer = refusal(request("robot.lab:8500", "http://robot.lab:8500", path), OPEN)
    assert (answer == "") == allowed
    assert "secret" not in answer
