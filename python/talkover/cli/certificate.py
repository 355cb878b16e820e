"""A certificate for development, so that phones and other machines may use a microphone."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

from ..errors import ConfigError

DAYS = 30


def development_certificate(host: str) -> str:
    """The path of a PEM file with key and certificate, made with openssl if it is not there."""
    folder = Path.home() / ".cache" / "talkover"
    file = folder / f"{host.replace(':', '_')}.pem"
    if file.is_file():
        fresh = subprocess.run(
            ["openssl", "x509", "-checkend", "86400", "-noout", "-in", str(file)],
            capture_output=True,
        )
        if fresh.returncode == 0:
            return str(file)
    if shutil.which("openssl") is None:
        raise ConfigError("--tls makes its certificate with openssl; install it, then try again.")
    folder.mkdir(parents=True, exist_ok=True)
    names = f"subjectAltName=DNS:localhost,DNS:{socket.gethostname()},IP:127.0.0.1"
    if host.replace(".", "").isdigit() and host != "127.0.0.1":
        names += f",IP:{host}"
    made = subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", str(DAYS), "-subj", "/CN=talkover", "-addext", names,
            "-keyout", "-", "-out", "-",
        ],
        capture_output=True, text=True,
    )  # fmt: skip
    if made.returncode != 0:
        raise ConfigError(f"openssl could not make a certificate: {made.stderr[-200:]}")
    file.touch(mode=0o600)
    file.write_text(made.stdout)
    return str(file)
