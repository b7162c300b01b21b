"""S12: a report of hundreds of megabytes is read in a few, by the collector and its child together.

`make fault T=S12` reads reports of 300 MiB, each counted whole.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import large_reports

MOST = 60 << 20


@pytest.mark.timeout(600)
@pytest.mark.parametrize("key", ["junit-xml", "sarif", "cyclonedx-json"])
def test_s12_a_large_report_is_counted_whole_in_little_memory(key: str, tmp_path: Path) -> None:
    count = large_reports.write(tmp_path / "report", key, 60 << 20)
    took = large_reports.measured(tmp_path / "report", key)
    assert took.count == count
    assert took.above_idle <= MOST
