"""`talkover sessions`: who talks with a running server, what was said, and ending it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote, urljoin

import typer

from ..errors import InputError

app = typer.Typer(no_args_is_help=True, help="The sessions of a running server.")

Url = Annotated[str, typer.Option(help="the server; a printed URL brings its key along")]
Token = Annotated[str | None, typer.Option(help="the server's key")]
Insecure = Annotated[bool, typer.Option(help="accept any certificate")]
HERE = "http://127.0.0.1:8080"
PATIENCE_S = 10.0


@app.command("list")
def every(url: Url = HERE, token: Token = None, insecure: Insecure = False) -> None:
    """One line for each, the newest first: session, status, beginning (UTC), length, who."""
    for one in _ask("GET", "", url, token, insecure)["data"]:
        typer.echo(_line(one))


@app.command()
def show(
    session: Annotated[str, typer.Argument(help="as list shows it")],
    url: Url = HERE,
    token: Token = None,
    insecure: Insecure = False,
) -> None:
    """What was said in it, as far as it was heard."""
    found = _ask("GET", session, url, token, insecure)
    typer.echo(_line(found))
    for item in found["items"]:
        typer.echo(f"{item.get('role') or item['type']:>10}  {_words(item)}")


@app.command()
def end(
    session: Annotated[str, typer.Argument(help="as list shows it")],
    url: Url = HERE,
    token: Token = None,
    insecure: Insecure = False,
) -> None:
    """Hang up a live session; what was said is kept."""
    found = _ask("GET", session, url, token, insecure)
    path = f"v1/realtime/calls/{found['call_id']}/hangup"
    _ask("POST", path, url, token, insecure)
    typer.echo(f"ended {session}")


@app.command()
def delete(
    session: Annotated[str, typer.Argument(help="as list shows it")],
    url: Url = HERE,
    token: Token = None,
    insecure: Insecure = False,
) -> None:
    """End it, if it is live, and keep nothing of what was said; recordings stay."""
    _ask("DELETE", session, url, token, insecure)
    typer.echo(f"deleted {session}")


def _ask(method: str, path: str, url: str, token: str | None, insecure: bool) -> Any:
    # A client is much to load for the other commands.
    import httpx2 as httpx

    from .caller import CallError, taken_apart, unreachable
    from .certificate import client_context

    base, key = taken_apart(url)
    where = path if "/" in path else f"v1/sessions/{quote(path)}".rstrip("/")
    bearer = token or key
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    try:
        answer = httpx.request(
            method, urljoin(base, where), headers=headers, timeout=PATIENCE_S,
            verify=client_context(base, insecure),
        )  # fmt: skip
    except httpx.HTTPError as error:
        raise CallError(unreachable(base, error)) from None
    if answer.status_code >= 400:
        raise InputError(answer.json()["error"]["message"])
    return answer.json() if answer.content else None


def _line(one: dict[str, Any]) -> str:
    began = datetime.fromtimestamp(one["began_at"], UTC)
    ended = one["ended_at"] or datetime.now(UTC).timestamp()
    length = str(timedelta(seconds=round(ended - one["began_at"])))
    who = " ".join(filter(None, (one["agent"], one["user"])))
    why = f"  ({one['reason']})" if one["reason"] else ""
    return f"{one['id']}  {one['status']:9}  {began:%Y-%m-%d %H:%M:%S}  {length:>8}  {who}{why}"


def _words(item: dict[str, Any]) -> str:
    parts = item.get("content") or [{"text": item.get("arguments") or item.get("output")}]
    said = " ".join(str(part.get("text") or part.get("transcript") or "") for part in parts)
    return said + (" … (cut off)" if item["status"] == "incomplete" else "")
