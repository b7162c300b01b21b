"""`*.attest.json`: our own format, for what no tool writes a report about; recognised by its first field.

```json
{"carnet": "attest/v1", "type": "CODE_REVIEW", "name": "Second pair of eyes", "passed": true,
 "evidence": {"reviewers": 2}, "subjects": [{"name": "app.tar.gz", "sha256": "<64 hex>"}]}
```

| field | |
|---|---|
| `carnet` | `attest/v1` |
| `type` | a claim type of docs/formats.md, in either case |
| `name` | 1 to 200 printable characters; policies select by it |
| `passed` | true or false |
| `evidence` | an object, may be left out; typed fields are those of docs/formats.md, others are free |
| `subjects` | the artifacts it is about, may be left out; `sha256` in hex, `sha256:` in front is tolerated |

Any other field at the top is refused. Basis is `declared`: the collector vouches for having seen the file,
not for what it says. A count that is negative or no integer stays as it is, and the judge calls the claim
contradicted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from collector.formats.claim import Basis, Claim, ClaimType
from collector.formats.json_tree import json_tree
from shared.errors import Code, MalformedError

if TYPE_CHECKING:
    from collector.formats.claim import Thresholds
    from collector.formats.head import Head
    from collector.formats.limits import Limits

TITLE = "Declared"

_VERSION_PREFIX = "attest/"
_MAX_SUBJECTS = 100


def _printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        msg = "must be printable text"
        raise ValueError(msg)
    return text


def _digest(value: object) -> object:
    return value.lower().removeprefix("sha256:") if isinstance(value, str) else value


def _not_zero(digest: str) -> str:
    if not digest.strip("0"):
        msg = "must not be all zero"
        raise ValueError(msg)
    return digest


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


_Text = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]


class _Subject(_Model):
    name: _Text | None = None
    sha256: Annotated[
        str,
        BeforeValidator(_digest),
        StringConstraints(pattern=r"\A[0-9a-f]{64}\z"),
        AfterValidator(_not_zero),
    ]


class _Attest(_Model):
    carnet: Literal["attest/v1"]
    type: Annotated[ClaimType, Field(strict=False), BeforeValidator(_upper)]
    name: _Text
    passed: bool
    evidence: dict[str, Any] = Field(default_factory=dict)  # JSON, as the strict reader made it
    subjects: list[_Subject] = Field(default_factory=list, max_length=_MAX_SUBJECTS)


def recognise(head: Head) -> bool:
    """Say whether the top of the document has our own field, of whatever version."""
    return head.text("carnet").startswith(_VERSION_PREFIX)


def read(stream: BinaryIO, thresholds: Thresholds, limits: Limits) -> Claim:
    """Read a declared claim; raises `MalformedError` naming the first field that is wrong."""
    del thresholds
    try:
        said = _Attest.model_validate(json_tree(stream, limits))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = "".join(f"/{part}"[:40] for part in first["loc"]) or "the top"
        raise MalformedError(
            Code.BAD_SYNTAX,
            f"{where}: {first['msg']}",
            "attest/v1 has the fields carnet, type, name, passed, and may have evidence and subjects",
        ) from None
    return Claim(
        type=said.type,
        name=said.name,
        basis=Basis.DECLARED,
        passed=said.passed,
        evidence=said.evidence,
        subjects=tuple((subject.name, subject.sha256) for subject in said.subjects),
    )
