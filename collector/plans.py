"""From the configuration to plain values: the plan of each root, and one for files that no configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.capture import ARTIFACT_FORMAT, RootPlan
from collector.context import ContextConfig, SpeaksFor
from collector.disclose import Level
from collector.formats import FORMATS, Severity, Thresholds
from collector.globs import Globs
from collector.opening import RootSpec
from shared.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from collector.config import Config, RootSection
    from shared.redaction import Rules

_LOOSE_FILE_BYTES = 512 << 20
_LOOSE_ARTIFACT_BYTES = 64 << 30


def root_plans(config: Config, secrets: Rules) -> dict[str, RootPlan]:
    """Give the plan of each configured root by its name; raises `ConfigError` for a glob or a format that cannot be."""
    return {root.name: _plan(config, root, secrets) for root in config.roots}


def _plan(config: Config, root: RootSection, secrets: Rules) -> RootPlan:
    said = root.context
    return RootPlan(
        spec=RootSpec(
            name=root.name,
            path=root.path,
            include=root.include,
            exclude=root.exclude,
            artifacts=root.artifacts,
            follow_symlinks_inside=root.follow_symlinks,
            mode=root.watch,
            max_file_bytes=config.watch.max_file_bytes,
            max_links=root.max_links,
        ),
        names=tuple((Globs([rule.match]), rule.name) for rule in root.names),
        level=Level(root.disclosure),
        thresholds=Thresholds(fail_on=Severity(root.fail_on), min_coverage=root.min_coverage),
        context=ContextConfig(
            values=said.model_dump(exclude_none=True), speaks_for=SpeaksFor(**root.speaks_for.model_dump())
        ),
        max_artifact_bytes=config.watch.max_artifact_bytes,
        secrets=secrets,
        levels=_levels(root),
        fields=frozenset(root.fields) if root.fields is not None else None,
        given_names=frozenset(rule.name.casefold() for one in config.roots for rule in one.names),
    )


def _levels(root: RootSection) -> dict[str, Level]:
    keys = {row.key for row in FORMATS} | {ARTIFACT_FORMAT}
    if unknown := sorted(set(root.disclosure_by) - keys):
        raise ConfigError(
            f"roots.{root.name}.disclosure_by: {unknown[0][:100]!r} is no format",
            "carnet-collector formats lists the formats by key",
        )
    return {key: Level(level) for key, level in root.disclosure_by.items()}


def loose_plan(root: Path, level: Level, secrets: Rules) -> RootPlan:
    """Give a plan for files of a folder that nobody configured: everything is read, nothing is known of the run."""
    return RootPlan(
        spec=RootSpec(
            name="preview",
            path=root,
            include=("**",),
            exclude=(),
            artifacts=(),
            follow_symlinks_inside=False,
            mode="events",
            max_file_bytes=_LOOSE_FILE_BYTES,
            max_links=65_535,
        ),
        names=(),
        level=level,
        thresholds=Thresholds(),
        context=ContextConfig(),
        max_artifact_bytes=_LOOSE_ARTIFACT_BYTES,
        secrets=secrets,
    )
