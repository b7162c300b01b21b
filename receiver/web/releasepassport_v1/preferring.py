"""What a request of the gate wants besides its body: how long to wait, which form of answer, and where people look."""

from __future__ import annotations

import re

from aiohttp import web

from receiver.web.state import services
from shared.errors import Code, MalformedError

TEXT = "text/plain"
MAX_WAIT_SECONDS = 30
_WAIT = re.compile(r"wait\s*=\s*\"?([0-9]{1,9})\"?", re.IGNORECASE)


def read_wait(request: web.Request) -> int:
    """Give for how many seconds an answer may be held (RFC 7240), 0 where nobody asks; never more than 30.

    Raises `MalformedError` for a wait that is no number of seconds; other preferences are passed over.
    """
    said = [one.strip() for header in request.headers.getall("Prefer", []) for one in re.split("[,;]", header)]
    for one in said:
        if one.lower().partition("=")[0].strip() == "wait":
            found = _WAIT.fullmatch(one)
            if found is None:
                raise MalformedError(Code.INVALID_FIELD, "Prefer: wait is a number of seconds", "for instance wait=30")
            return min(int(found[1]), MAX_WAIT_SECONDS)
    return 0


def wants_text(request: web.Request) -> bool:
    """Say whether plain text is wanted rather than JSON: whichever is named first, and JSON where neither is."""
    for header in request.headers.getall("Accept", []):
        for one in header.split(","):
            kind, _, parameters = one.partition(";")
            if re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", parameters):
                continue
            if kind.strip().lower() in {TEXT, "text/*"}:
                return True
            if kind.strip().lower() in {"application/json", "application/*", "*/*"}:
                return False
    return False


def console_url(request: web.Request, passport_id: str) -> str:
    """Give the address of the page of a passport: under the public address of the receiver, else under that asked."""
    base = services(request).settings.public_url or f"{request.scheme}://{request.host}"
    return f"{base.rstrip('/')}/p/{passport_id}"
