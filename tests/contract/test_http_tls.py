"""TLS: what quickstart makes for an address that others can reach, and what is refused there in words."""

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509

from receiver import app, clock
from receiver.commands.authority import make_certificates
from receiver.web.journal import make_journal
from receiver.web.settings import WebSettings
from shared.errors import ConfigError
from tests.helpers.receiving import quickstart_in

PATIENCE = 10.0


@dataclass
class Secured:
    url: str
    port: int
    authority: Path


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[Secured]:
    data, _, _ = quickstart_in(tmp_path / "data")
    data.make_tls(["127.0.0.1"], clock.utcnow())
    plan = app.Plan(
        data.database_url,
        data.master_key,
        app.Address("127.0.0.1", 0),
        data.certificate,
        data.certificate_key,
        settings=WebSettings(header_seconds=0.5),
    )
    async with app.running(plan, make_journal(io.StringIO(), clock.utcnow)) as running:
        yield Secured(running.url, int(running.url.rsplit(":", 1)[1]), data.authority)


async def get(url: str, context: ssl.SSLContext) -> aiohttp.ClientResponse:
    async with aiohttp.ClientSession() as http, http.get(url, ssl=context) as answer:
        await answer.read()
        return answer


async def test_a_client_that_trusts_the_authority_is_served_and_told_to_stay_with_https(secured: Secured) -> None:
    assert secured.url.startswith("https://")
    context = ssl.create_default_context(cafile=secured.authority)
    answer = await get(f"{secured.url}/healthz", context)
    assert answer.status == 200
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    assert "Server" not in answer.headers


async def test_a_client_that_does_not_know_the_authority_refuses(secured: Secured) -> None:
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await get(f"{secured.url}/healthz", ssl.create_default_context())


async def test_a_certificate_for_another_host_does_not_pass(secured: Secured) -> None:
    context = ssl.create_default_context(cafile=secured.authority)
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await get(f"https://localhost:{secured.port}/healthz", context)


async def test_versions_before_1_2_are_refused(secured: Secured) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(secured.authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(f"{secured.url}/healthz", context)


async def test_plain_http_is_refused_in_words(secured: Secured) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{secured.port}/healthz") as answer:
        body = json.loads(await answer.read())
        assert (answer.status, body["hint"]) == (400, "use https://")
        assert body["detail"] == "this port speaks HTTPS only"


async def test_a_client_that_never_shakes_hands_is_closed_and_slows_nobody(secured: Secured) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", secured.port)
    context = ssl.create_default_context(cafile=secured.authority)
    assert (await get(f"{secured.url}/healthz", context)).status == 200
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


def test_certificates_that_are_there_are_kept_while_they_are_good(tmp_path: Path) -> None:
    data, _, _ = quickstart_in(tmp_path / "data")
    now = clock.utcnow()
    data.make_tls(["receiver.example"], now)
    first = data.authority.read_bytes()
    data.make_tls(["receiver.example"], now + timedelta(days=300))
    assert data.authority.read_bytes() == first
    with pytest.raises(ConfigError, match=r"not for other\.example"):
        data.make_tls(["other.example"], now)
    with pytest.raises(ConfigError, match="expired at"):
        data.make_tls(["receiver.example"], now + timedelta(days=400))


def test_the_authority_signs_for_the_named_hosts_only_and_for_a_year() -> None:
    now = clock.utcnow()
    made = make_certificates(["receiver.example", "192.0.2.7"], now)
    server = x509.load_pem_x509_certificate(made.server)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["receiver.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]
    assert server.not_valid_before_utc <= now
    assert now + timedelta(days=365) < server.not_valid_after_utc <= now + timedelta(days=398)
    authority = x509.load_pem_x509_certificate(made.authority)
    server.verify_directly_issued_by(authority)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
