"""A token of SoftHSM2, one for each process that runs tests, and what a configuration says of it."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

LIBRARIES = tuple(
    Path(folder) / "libsofthsm2.so"
    for folder in (
        "/usr/lib/softhsm", "/usr/lib/x86_64-linux-gnu/softhsm", "/usr/lib/aarch64-linux-gnu/softhsm",
        "/usr/lib64/pkcs11", "/usr/lib64/softhsm", "/usr/local/lib/softhsm",
    )
)  # fmt: skip
PIN = "8642"
_OFFICER_PIN = "97531"

needs_softhsm = pytest.mark.skipif(
    shutil.which("softhsm2-util") is None or not any(one.exists() for one in LIBRARIES),
    reason="needs SoftHSM2: apt-get install softhsm2 (make test brings it where it may)",
)


@dataclass(frozen=True)
class Token:
    """A token: SoftHSM2 finds it by its label in the folder that SOFTHSM2_CONF names."""

    label: str
    pin_file: Path

    @property
    def module(self) -> Path:
        return next(one for one in LIBRARIES if one.exists())

    def toml(self, key_label: str = "carnet-collector") -> str:
        return (
            f'[keys.pkcs11]\nmodule = "{self.module}"\ntoken = "{self.label}"\n'
            f'label = "{key_label}"\npin_file = "{self.pin_file}"\n'
        )


@functools.cache
def token() -> Token:
    """The token of this process, made once: the library reads SOFTHSM2_CONF when it is loaded, and never again."""
    folder = Path(tempfile.mkdtemp(prefix="carnet-softhsm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    label = f"carnet-{os.getpid()}"
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", _OFFICER_PIN],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    pin_file = folder / "pin"
    pin_file.write_text(f"{PIN}\n")
    pin_file.chmod(0o600)
    return Token(label, pin_file)
