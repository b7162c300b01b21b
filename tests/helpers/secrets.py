"""Secrets of many kinds, as real ones look, made when they are asked for: no file here holds one."""

import base64
import functools
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass, replace

from receiver.core.tokens import Kind, make_token
from shared.redaction import Rules
from shared.secretrules import secret_rules

_ALNUM = string.ascii_letters + string.digits
_UPPER = string.ascii_uppercase + string.digits
_LOWER = string.ascii_lowercase + string.digits
_HEX = "0123456789abcdef"
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True)
class Planted:
    """A secret in the words that it stands in; none of its `parts` may ever be seen."""

    kind: str
    text: str
    parts: tuple[str, ...]


@functools.cache
def rules() -> Rules:
    """The rules that the collector runs with, loaded once; what they found in a text before is known."""
    loaded = secret_rules()
    return replace(loaded, scan=functools.lru_cache(maxsize=4_096)(loaded.scan))


@functools.cache
def planted(seed: int = 1) -> tuple[Planted, ...]:
    """One secret of each kind."""
    make = _Maker(random.Random(seed))  # noqa: S311 - made-up values that must be the same each time
    return (*make.alone(), *make.in_words(), *make.blocks(), *make.ours())


@dataclass(frozen=True)
class _Maker:
    chance: random.Random

    def some(self, count: int, letters: str = _ALNUM) -> str:
        """Letters with at least one digit early on."""
        made = [self.chance.choice(letters) for _ in range(count)]
        made[min(3, count - 1)] = self.chance.choice([one for one in letters if one.isdigit()])
        return "".join(made)

    def alone(self) -> list[Planted]:
        """Tokens that are known by their own looks."""
        some = self.some
        tokens = {
            "github-pat": ("gh", "p_" + some(36)),
            "github-oauth": ("gh", "o_" + some(36)),
            "github-app-token": ("gh", "s_" + some(36)),
            "github-refresh-token": ("gh", "r_" + some(36)),
            "github-fine-grained-pat": ("github", "_pat_" + some(82)),
            "gitlab-pat": ("gl", "pat-" + some(20)),
            "gitlab-ptt": ("gl", "ptt-" + some(40, _HEX)),
            "gitlab-deploy-token": ("gl", "dt-" + some(20)),
            "gitlab-runner-authentication-token": ("gl", "rt-" + some(20)),
            "gitlab-feed-token": ("gl", "ft-" + some(20)),
            "slack-bot-token": ("xo", f"xb-{some(12, '0123456789')}-{some(12, '0123456789')}-{some(24)}"),
            "slack-app-token": ("xa", f"pp-1-{some(11, _UPPER)}-{some(13, '0123456789')}-{some(64, _HEX)}"),
            "slack-webhook-url": (
                "https://hooks.slack",
                f".com/services/T{some(9, _UPPER)}/B{some(9, _UPPER)}/{some(24)}",
            ),
            "stripe-access-token": ("sk", "_live_" + some(24)),
            "sendgrid-api-token": ("S", f"G.{some(22)}.{some(43)}"),
            "npm-access-token": ("np", "m_" + some(36, _LOWER)),
            "pypi-upload-token": ("pyp", "i-AgEIcHlwaS5vcmc" + some(80)),
            "rubygems-api-token": ("ruby", "gems_" + some(48, _HEX)),
            "dockerhub-personal-access-token": ("dckr", "_pat_" + some(27)),
            "digitalocean-pat": ("do", "p_v1_" + some(64, _HEX)),
            "doppler-api-token": ("d", "p.pt." + some(43)),
            "databricks-api-token": ("da", "pi" + some(32, _HEX)),
            "dynatrace-api-token": ("dt", f"0c01.{some(24, _UPPER)}.{some(64, _UPPER)}"),
            "hashicorp-tf-api-token": (some(14), ".atlas" + "v1." + some(64)),
            "vault-service-token": ("hv", "s." + some(95)),
            "grafana-service-account-token": ("gl", f"sa_{some(32)}_{some(8, _HEX)}"),
            "new-relic-user-api-key": ("NR", "AK-" + some(27, _UPPER)),
            "postman-api-token": ("PM", f"AK-{some(24, _HEX)}-{some(34, _HEX)}"),
            "pulumi-api-token": ("pu", "l-" + some(40, _HEX)),
            "shopify-access-token": ("shp", "at_" + some(32, _HEX)),
            "linear-api-key": ("lin", "_api_" + some(40)),
            "sentry-user-token": ("snt", "ryu_" + some(64, _HEX)),
            "planetscale-password": ("pscale", "_pw_" + some(43)),
            "atlassian-api-token": ("ATA", "TT3" + some(186)),
            "cloudflare-origin-ca-key": ("v1", f".0-{some(24, _HEX)}-{some(146, _HEX)}"),
            "age-secret-key": ("AGE-SECRET", "-KEY-1" + some(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L")),
            "gcp-api-key": ("AI", "za" + some(35)),
            "aws-access-key-id": ("AK", "IA" + some(16, _BASE32)),
            "azure-client-secret": (f"{some(3)}8", "Q~" + some(34)),
            "alibaba-access-key-id": ("LT", "AI" + some(20)),
            "artifactory-api-key": ("AK", "Cp" + some(69)),
            "telegram-bot-api-token": (some(10, "123456789"), ":AA" + some(33)),
            "jwt": (_json64({"alg": "HS256", "typ": "JWT"}), f".{_json64({'sub': some(10)})}.{some(43)}"),
        }
        return [Planted(kind, first + rest, (first + rest,)) for kind, (first, rest) in tokens.items()]

    def in_words(self) -> list[Planted]:
        """What is a secret by the words before it; the words may be seen."""
        some, word = self.some, self.some(14)
        basic = base64.b64encode(f"deploy:{word}".encode()).decode()
        written = {
            "aws-secret-key": ("aws_secret_access_key=", some(40), ""),
            "azure-storage-connection": (
                "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=",
                some(86) + "==",
                ";EndpointSuffix=core.windows.net",
            ),
            "azure-shared-access": ("https://acme.blob.core.windows.net/c?sv=2022-11-02&sig=", some(43), "%3D"),
            "postgres-uri": ("postgres://app:", word, "@db.corp:5432/orders"),
            "mongodb-uri": ("mongodb+srv://app:", some(20), "@cluster0.corp/orders"),
            "redis-uri": ("redis://:", some(24), "@cache.corp:6379/0"),
            "amqp-uri": ("amqp://worker:", some(16), "@queue.corp"),
            "git-remote": ("https://oauth2:", some(20), "@git.corp/acme/app.git"),
            "git-remote-token": ("https://", some(40, _HEX), "@git.corp/acme/app.git"),
            "ado-connection": ("Server=db;User Id=sa;Password=", f"{some(8)}!x", ";Encrypt=true"),
            "jdbc-connection": ("jdbc:mysql://db.corp/orders?user=app&password=", some(12), "&useSSL=true"),
            "basic-header": ("Authorization: Basic ", basic, ""),
            "bearer-header": ("Authorization: Bearer ", some(40), ""),
            "json-password": ('{"user": "app", "password": "', some(12), '"}'),
            "environment": ("DB_PASSWORD=", some(11), ""),
            "command-line": ("mysql -u app --password=", some(10), " orders"),
            "client-secret": ("client_secret: ", some(32), ""),
            "api-key": ("x-api-key: ", some(32), ""),
            "heroku-api-key": ("HEROKU_API_KEY=", _uuid(some), ""),
            "twilio-api-key": ("twilio key ", "SK" + some(32, _HEX), ""),
        }
        return [Planted(kind, before + secret + after, (secret,)) for kind, (before, secret, after) in written.items()]

    def blocks(self) -> list[Planted]:
        """Private keys, whole and cut off."""
        made = []
        for kind, label, whole in (
            ("rsa-key", "RSA PRIVATE", True),
            ("ec-key", "EC PRIVATE", True),
            ("openssh-key", "OPENSSH PRIVATE", True),
            ("encrypted-key", "ENCRYPTED PRIVATE", True),
            ("key-without-end", "PRIVATE", False),
        ):
            lines = tuple(self.some(64) for _ in range(3))
            begin, end = f"-----BEGIN {label} " + "KEY-----", f"-----END {label} " + "KEY-----"
            made.append(Planted(kind, "\n".join((begin, *lines, *((end,) if whole else ()))), lines))
        return made

    def ours(self) -> list[Planted]:
        """The tokens of this product."""
        tokens = {kind: make_token(kind, self.chance.randbytes(32)) for kind in Kind}
        return [Planted(kind.name.lower(), token, (token[8:],)) for kind, token in tokens.items()]


def _uuid(some: Callable[[int, str], str]) -> str:
    return "-".join(some(count, _HEX) for count in (8, 4, 4, 4, 12))


def _json64(value: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def traces(secret: Planted) -> list[str]:
    """How the parts of a secret could be seen: as they are, in JSON, and in base64 at each of its three offsets."""
    seen = []
    for part in secret.parts:
        raw = part.encode()
        encoded = [base64.b64encode(b"x" * shift + raw).decode()[4 : len(raw) * 4 // 3 - 4] for shift in range(3)]
        seen += [part, json.dumps(part)[1:-1], *(one for one in encoded if len(one) >= 8)]
    return seen
