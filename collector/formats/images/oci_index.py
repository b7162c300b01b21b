"""`index.json` of an OCI image layout: the manifests that stand in it, by digest and reference name.

Source: OCI image specification 1.1, image-index.md and image-layout.md. Manifests with the platform
unknown/unknown are attestations about the others (BuildKit) and no images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.images.built import Images
from collector.formats.json_events import EACH, Kind, json_events
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits

TITLE = "OCI image index"

_MANIFEST: Path = ("manifests", EACH)
_TYPES = ("application/vnd.oci.image.", "application/vnd.docker.distribution.manifest")
_REFERENCE: Path = ("annotations", "org.opencontainers.image.ref.name")
_NAME: Path = ("annotations", "io.containerd.image.name")
_OS: Path = ("platform", "os")
_FIELDS: frozenset[Path] = frozenset({("digest",), ("size",), ("mediaType",), _REFERENCE, _NAME, _OS})
_VERSION = 2
_HINT = "an image index has schemaVersion 2 and manifests with digests"


def recognise(head: Head) -> bool:
    """Say whether the top is an index: manifests with digests, and its version or type."""
    is_index = head.text("mediaType").startswith("application/vnd.oci.image.index")
    return ("manifests",) in head.keys and (is_index or ("schemaVersion",) in head.keys)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Read the manifests of an index; raises `MalformedError`."""
    del thresholds
    images, said, version, number = Images(limits), dict[tuple[str | int, ...], "Scalar"](), None, 0
    for event in json_events(stream, limits):
        path = event.path
        if path == ("schemaVersion",):
            version = event.value
        elif path == _MANIFEST:
            if event.kind is Kind.MAP:
                said = {}
            elif event.kind is Kind.MAP_END:
                _manifest(images, said, number)
                number += 1
            else:
                raise MalformedError(Code.BAD_SYNTAX, "an item of /manifests is not an object", _HINT)
        elif path[:2] == _MANIFEST and path[2:] in _FIELDS:
            said[path[2:]] = event.value
    if version != _VERSION:
        raise MalformedError(Code.BAD_SYNTAX, "/schemaVersion is not 2", _HINT)
    return images.claim(TITLE)


def _manifest(images: Images, said: dict[tuple[str | int, ...], Scalar], number: int) -> None:
    media = said.get(("mediaType",))
    if said.get(_OS) == "unknown":
        return
    if not isinstance(media, str) or not media.startswith(_TYPES):
        raise MalformedError(Code.BAD_SYNTAX, f"/manifests/{number}/mediaType is not that of an image", _HINT)
    name = said.get(_NAME) or said.get(_REFERENCE)
    images.take(name if isinstance(name, str) else None, said.get(("digest",)), f"/manifests/{number}/digest")
