"""What `docker buildx build` and `bake` write with `--metadata-file`: digest and names of each image.

Source: docs.docker.com, reference of `docker buildx build`, "Write build result metadata to a file". A bake
file holds one such object for each target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from collector.formats.images.built import Images
from collector.formats.json_events import Event, Kind, json_events
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Claim, Thresholds
    from collector.formats.head import Head
    from collector.formats.json_events import Path, Scalar
    from collector.formats.limits import Limits

TITLE = "Buildx metadata"

_DIGEST, _NAMES = "containerimage.digest", "image.name"
_DESCRIPTOR = "containerimage.descriptor"
_PROVENANCE = "buildx.build.provenance"
_BUILDERS = ((_PROVENANCE, "builder", "id"), (_PROVENANCE, "runDetails", "builder", "id"))
_MARKS = frozenset({_DIGEST, _DESCRIPTOR, _PROVENANCE, "buildx.build.ref"})
_HINT = "write it again with --metadata-file"


def recognise(head: Head) -> bool:
    """Say whether there is a mark of buildx at the top, or one level below as bake writes it."""
    return any(path[-1] in _MARKS and len(path) <= len(("target", "mark")) for path in head.keys)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Read the digests of all targets; raises `MalformedError`."""
    del thresholds
    images = Images(limits)
    targets: dict[str, dict[Path, Scalar]] = {}
    for event in json_events(stream, limits):
        _take(images, targets, event)
    for target, said in targets.items():
        digest = said.get((_DIGEST,))
        if digest is None:
            raise MalformedError(Code.BAD_SYNTAX, f"/{target[:80]}: no {_DIGEST}", _HINT)
        names = said.get((_NAMES,))
        for name in names.split(",") if isinstance(names, str) and names else [None]:
            images.take(name and name.strip(), digest, f"/{_DIGEST}")
        size = said.get((_DESCRIPTOR, "size"))
        images.size = size if isinstance(size, int) else None
    return images.claim(TITLE)


def _take(images: Images, targets: dict[str, dict[Path, Scalar]], event: Event) -> None:
    path = event.path
    if path == () and event.kind not in {Kind.MAP, Kind.MAP_END}:
        raise MalformedError(Code.BAD_SYNTAX, "buildx metadata is one object", _HINT)
    if event.kind is not Kind.VALUE or not path:
        return
    first = str(path[0])
    is_target = first not in _MARKS and not first.startswith(("buildx.", "containerimage.", "image."))
    inner: Path = path[1:] if is_target else path
    if inner in _BUILDERS and isinstance(event.value, str):
        images.builder = event.value
    elif inner in {(_DIGEST,), (_NAMES,), (_DESCRIPTOR, "size")}:
        targets.setdefault(first if is_target else "", {})[inner] = event.value
