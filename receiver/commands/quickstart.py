"""`quickstart`: an embedded receiver on SQLite, set up and serving in one call."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from receiver import app, clock
from receiver.commands import options
from receiver.commands.embedded import ADMIN_EMAIL, Embedded, Names, Secrets
from receiver.config import is_loopback, load_config
from shared.encoding import JsonObject, compact

_DEFAULT_HOST = "127.0.0.1"
_DEFAULT_PORT = 8750


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="A directory; made where it is missing.")
@click.option("--host", help=f"The address to listen on; {_DEFAULT_HOST} on the first start.")
@click.option("--port", type=click.IntRange(0, 65535), help=f"{_DEFAULT_PORT} on the first start; 0 takes a free one.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON, then go on serving.")
@options.output
def quickstart(data: Path, host: str | None, port: int | None, as_json: bool, output: str) -> None:  # noqa: FBT001
    """Set up a receiver in a directory and serve it.

    Secrets are shown on the first start, and never again. A later start on the same directory serves the same data.
    """
    folder = Embedded(data)
    names, secrets = _prepare(folder, host, port)
    plan = app.plan_for(load_config(folder.config, os.environ))
    # A flag counts for this start alone; the file keeps what the first start was given.
    plan = replace(plan, address=app.Address(host or plan.address.host, _or(port, plan.address.port)))
    if not is_loopback(plan.address.host):
        folder.make_tls(_hosts(plan.address.host), clock.utcnow())
        plan = replace(plan, tls_certificate_file=folder.certificate, tls_key_file=folder.certificate_key)
    authority = folder.authority if plan.tls_key_file is not None else None

    def announce(url: str) -> None:
        fields = _fields(_reachable(url), names, secrets, folder, authority)
        if as_json or output == "json":
            click.echo(compact(fields))
        else:
            click.echo(_text(fields, folder, first=secrets is not None))

    app.serve(plan, announce)


def _prepare(folder: Embedded, host: str | None, port: int | None) -> tuple[Names, Secrets | None]:
    if folder.complete:
        return folder.names(), None
    first_host, first_port = host or _DEFAULT_HOST, _or(port, _DEFAULT_PORT)
    names, secrets = folder.make(clock.utcnow(), os.urandom)
    tls = not is_loopback(first_host)
    if tls:
        folder.make_tls(_hosts(first_host), clock.utcnow())
    folder.write_config(first_host, first_port, tls=tls)
    return names, secrets


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _hosts(host: str) -> list[str]:
    """Under which names a certificate is good; an address that stands for all of them is none."""
    if _is_every_address(host):
        return [socket.gethostname(), "localhost", "127.0.0.1"]
    return [host]


def _reachable(url: str) -> str:
    """Put a name that can be called where the address stands for all of them."""
    for every in ("//0.0.0.0:", "//[::]:"):
        url = url.replace(every, f"//{socket.gethostname()}:")
    return url


def _is_every_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _fields(url: str, names: Names, secrets: Secrets | None, folder: Embedded, authority: Path | None) -> JsonObject:
    fields: JsonObject = {
        "url": url,
        "receiver": names.receiver,
        "workspace": names.workspace,
        "rootKey": names.root_key,
        "adminEmail": ADMIN_EMAIL,
        "data": str(folder.folder),
    }
    if authority is not None:
        fields["caFile"] = str(authority)
    if secrets is not None:
        fields |= {
            "apiKey": secrets.api_key,
            "gateToken": secrets.gate_token,
            "evidenceToken": secrets.evidence_token,
            "enrolToken": secrets.enrol_token,
            "adminPassword": secrets.admin_password,
        }
    return fields


def _text(fields: JsonObject, folder: Embedded, *, first: bool) -> str:
    say: Callable[[str], str] = lambda name: str(fields[name])  # noqa: E731 - three letters in a page of text
    ca = f" --ca-file {fields['caFile']}" if "caFile" in fields else ""
    curl_ca = f" --cacert {fields['caFile']}" if "caFile" in fields else ""
    lines = [
        f"Carnet receiver, serving {say('url')}",
        "",
        f"  data        {say('data')}  (database, keys, receiver.toml)",
        f"  workspace   {say('workspace')}",
        f"  root key    {say('rootKey')}",
        "              Collectors pin this fingerprint; everything the receiver signs leads back to it.",
    ]
    if not first:
        return "\n".join(
            [
                *lines,
                "",
                "The tokens were shown on the first start and are not kept. To enrol another collector:",
                "",
                f"  carnet-receiver collectors invite --data {folder.folder} --approve NAME",
                "",
                "Stop with Ctrl-C; nothing is lost.",
            ]
        )
    return "\n".join(
        [
            *lines,
            "",
            "Shown once, so copy what you need:",
            "",
            f"  API key         {say('apiKey')}  (send and read evidence; 90 days)",
            f"  gate token      {say('gateToken')}  (ask for decisions; 90 days)",
            f"  evidence token  {say('evidenceToken')}  (post evidence; 90 days)",
            f"  enrol token     {say('enrolToken')}  (one collector of any name; 24 hours, once)",
            f"  administrator   {say('adminEmail')}, password {say('adminPassword')}",
            "",
            "Next, in another terminal, enrol a collector:",
            "",
            f"  (umask 077; printf %s {say('enrolToken')} > enrol.token)",
            f"  carnet-collector enrol --url {say('url')} --token-file enrol.token --receiver-key {say('rootKey')}{ca}",
            "",
            "Give it a collector.toml and run it. This one lets names of tests, rules and packages leave too;",
            "without the line disclosure, only types, counts, tools and digests leave:",
            "",
            '  state_dir = "/var/lib/carnet-collector"',
            "  [receiver]",
            f'  url = "{say("url")}"' + (f'\n  ca_file = "{fields["caFile"]}"' if "caFile" in fields else ""),
            "  [[roots]]",
            '  name = "ci"',
            '  path = "/srv/ci"',
            '  disclosure = "summary"',
            "",
            "  carnet-collector run --config collector.toml",
            "",
            "Then look at what it delivered:",
            "",
            f"  curl{curl_ca} -H 'Authorization: Bearer {say('apiKey')}' {say('url')}/api/v1/attestations",
            "",
            "And ask, as a pipeline does before it deploys, whether an artifact may go:",
            "",
            f"  (umask 077; printf %s {say('gateToken')} > gate.token)",
            f"  carnet gate --url {say('url')} --key-file gate.token{ca} --service checkout-api \\",
            "      --environment production --artifact dist/checkout-api.tar.gz",
            "",
            "Stop with Ctrl-C; start again with the same --data and everything is still there.",
        ]
    )
