"""Small JUnit reports of 2 kB, each with a content of its own, and trees of them as they lie in a watched folder."""

from __future__ import annotations

from pathlib import Path

REPORT_BYTES = 2_000
_FILES_IN_FOLDER = 100
_CASES = 12


def junit(number: int) -> bytes:
    """Write report `number`: some passed tests, then spaces up to 2,000 bytes."""
    cases = "".join(
        f'<testcase classname="shop.checkout.test_basket_{number}" name="test_item_{case}" time="0.0{case}"/>\n'
        for case in range(_CASES)
    )
    suite = f'<testsuite name="unit-{number}" tests="{_CASES}" failures="0" errors="0" skipped="0" time="0.6">\n'
    head = f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites>{suite}{cases}'
    return f"{head:<{REPORT_BYTES - 26}}</testsuite></testsuites>\n".encode()


def name(number: int) -> str:
    """The path of report `number` below its root; a hundred of them lie in one folder, as in that of a job."""
    return f"job-{number // _FILES_IN_FOLDER:04}/unit-{number:06}.xml"


def write_tree(root: Path, count: int) -> None:
    """Write so many reports below a folder."""
    for number in range(count):
        path = root / name(number)
        if number % _FILES_IN_FOLDER == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(junit(number))
