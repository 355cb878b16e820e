"""A certificate for development, so that phones and other machines may use a microphone."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import ConfigError
from .address import WILDCARDS, is_loopback, own_addresses

DAYS = 90
_RENEW_S = 86400
_EXTENSIONS = (
    # It vouches for this server alone: whoever trusts it trusts no other by it.
    "basicConstraints=critical,CA:FALSE",
    "keyUsage=critical,digitalSignature",
    "extendedKeyUsage=serverAuth",
)


def development_certificate(host: str) -> Path:
    """A PEM file with key and certificate for `host`, made with openssl if there is none. For the
    wildcard it names every address of this machine. ConfigError."""
    names = _names(host)
    digest = hashlib.sha256(names.encode()).hexdigest()[:12]
    file = _folder() / f"development-{digest}.pem"
    if _is_fresh(file):
        return file
    if shutil.which("openssl") is None:
        raise ConfigError("--tls makes its certificate with openssl; install it, then try again.")
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-days", str(DAYS), "-subj", "/CN=Talkover development",
        "-addext", f"subjectAltName={names}", "-keyout", "-", "-out", "-",
    ]  # fmt: skip
    for extension in _EXTENSIONS:
        command += ["-addext", extension]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode != 0:
        raise ConfigError(f"openssl could not make a certificate: {made.stderr[-200:]}")
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(f".{os.getpid()}")
    new.touch(mode=0o600)
    new.write_text(made.stdout)
    new.replace(file)
    return file


def client_context(url: str, insecure: bool) -> ssl.SSLContext:
    """How a caller verifies a server: as browsers do; on loopback also by this machine's own
    development certificates; not at all where `insecure`."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        # Reading the certificates of the world takes longer than a call without TLS.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif is_loopback(parts.hostname or ""):
        for file in _folder().glob("development-*.pem"):
            context.load_verify_locations(file)
    return context


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "talkover"


def _is_fresh(file: Path) -> bool:
    check = ["openssl", "x509", "-checkend", str(_RENEW_S), "-noout", "-in", str(file)]
    return file.is_file() and subprocess.run(check, capture_output=True).returncode == 0


def _names(host: str) -> str:
    return ",".join(dict.fromkeys(_every_name(host)))


def _every_name(host: str) -> Iterator[str]:
    yield from ("DNS:localhost", "IP:127.0.0.1", "IP:::1")
    if is_loopback(host):
        return
    hosts = (socket.gethostname(), *own_addresses()) if host in WILDCARDS else (host,)
    for each in hosts:
        yield f"IP:{each}" if ":" in each or each.replace(".", "").isdigit() else f"DNS:{each}"
