"""Which repository a remote's URL names: its path alone, without user, host or query. Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

_MAX_NAME_CHARS = 300
_SCP = re.compile(r"(?:[^@/:]+@)?(?:\[[^\]/]+\]|[^:/\[\]]+):(?!//)(.+)")
_PATH_PART = re.compile(r"[A-Za-z0-9._~+-]+")


def repository_of(url: str) -> str | None:
    """Give the path part of a remote's URL (`owner/name`, with subgroups): no user, no host, no query.

    None for what names no repository on a server: a path on this host, a `file:` URL, fewer than two parts.
    """
    if "://" in url:
        parsed = urlsplit(url)
        if parsed.scheme.lower() not in ("https", "http", "ssh", "git", "git+ssh", "ssh+git"):
            return None
        path = unquote(parsed.path)
    elif found := _SCP.fullmatch(url):
        path = found[1]
    else:
        return None
    parts = path.strip("/").removesuffix(".git").split("/")
    good = all(_PATH_PART.fullmatch(part) and part not in (".", "..") for part in parts)
    repository = "/".join(parts)
    return repository if good and len(parts) > 1 and len(repository) <= _MAX_NAME_CHARS else None
