"""A caller: a real WebRTC call to a Realtime server, from Python."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from socket import has_dualstack_ipv6
from typing import Any, Self
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2 as httpx

from ..errors import InputError, TalkoverError
from ..media import items as m
from ..media.port import MediaPort, OfferError, Peer
from .address import is_loopback
from .certificate import client_context
from .wav import read_wav, write_wav

Event = dict[str, Any]
CONNECT_S = 10.0
ANSWER_S = 30.0
"""For a server that many call at once."""
RATE = 16000


class CallError(TalkoverError):
    code = "call_failed"


class Gone(CallError):
    """The server knows no such call; it may have ended."""


@dataclass(slots=True)
class Sound:
    """What the agent said: 16 kHz mono s16le, placed by the time at which it arrived (seconds)."""

    began: float
    pcm: bytearray = field(default_factory=bytearray)

    def take(self, at: int, pcm: bytes) -> None:
        missing = at * 2 - len(self.pcm)
        if missing > 0:
            self.pcm += bytes(missing)
        self.pcm += pcm


class Caller:
    """`async with Caller(url) as call:` hangs up at its end. Times are seconds since `dial`.

    `token` is the server's key or a client secret; left out, the one that a printed URL carries.
    `video` is a lossy WebP that its camera shows. `on_event` sees each event as it comes. CallError
    says why there was no call.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        tcp: bool = False,
        agent: str | None = None,
        insecure: bool = False,
        video: Path | None = None,
        on_event: Callable[[float, Event], None] = lambda _, __: None,
        on_sound: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self.url, key = taken_apart(url)
        self._token, self._tcp, self._agent = token or key, tcp, agent
        self._insecure = insecure
        self._video = None if video is None else _picture(video)
        self._media: MediaPort | None = None
        self._on_event, self._on_sound = on_event, on_sound
        self._peer: Peer | None = None
        self._began = time.monotonic()
        self._arrived = asyncio.Event()
        self._epoch = 0
        self._beside: tuple[MediaPort, Peer, str] | None = None
        """Another leg, connected to a server that waits for the call, and where it is there."""
        self._shift: int | None = 0
        """Samples from a leg's own clock to the call's; None until the leg is heard."""
        self.legs = 1
        """How many it has had so far."""
        self._told = False
        """Whether this leg's server has told of its session."""
        self._live: Peer | None = None
        """To whom `speak` speaks."""
        self._cut = ""
        self.stays = False
        """Somebody comes back to it where it is cut off, and says when it is `over`."""
        self.location = ""
        self.back = ""
        """What another caller may come back with, as its `token`, where this one was cut off."""
        self.answer = ""
        """The server's SDP."""
        self.transport = ""
        self.closed: str | None = None
        self.events: list[tuple[float, Event]] = []
        self.speech: list[tuple[float, bool]] = []
        self.sound = Sound(0.0)
        self.pictures: list[m.Picture] = []
        """What `look` got."""

    async def __aenter__(self) -> Self:
        await self.dial()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up()

    @property
    def now(self) -> float:
        return time.monotonic() - self._began

    async def dial(self) -> None:
        """Call; where that fails nothing is left. CallError."""
        self._began = time.monotonic()
        try:
            await self._dial()
        except BaseException:
            await self.hang_up()
            raise

    async def _dial(self) -> None:
        self._media, self._peer, offer = self._leg()
        self._media.bind(self._peer, self._take)
        query = {"agent": self._agent} if self._agent else {}
        response = await self._offer(self.url, offer, query, self._token)
        self.location = urljoin(self.url, response.headers["Location"])
        self.answer, self.back = response.text, response.headers.get("Talkover-Resume", "")
        await self._accept(self._peer, response.text)
        try:
            await self.until(lambda: bool(self.transport), CONNECT_S)
        except TimeoutError:
            raise CallError("The media did not connect; is the media port open?") from None
        if self._video is not None:
            self.show(self._video)

    def _leg(self) -> tuple[MediaPort, Peer, str]:
        """A port, a peer on it and its offer."""
        # To a server an address is a caller, so each has a port of its own.
        media = MediaPort(_near(self.url), 0)
        peer, offer = media.core.dial(self._tcp, self._video is not None)
        # The caller's own voice must not fall silent when the agent speaks.
        peer.policy(duck=False, hold=False, hold_after_ms=200, resume_after_ms=48, max_hold_ms=3000)
        return media, peer, offer

    async def _offer(
        self, url: str, offer: str, query: dict[str, str], token: str | None
    ) -> httpx.Response:
        headers = {"Content-Type": "application/sdp"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with self._http() as client:
                response = await client.post(
                    urljoin(url, "v1/realtime/calls"),
                    params={"extensions": "talkover", **query}, content=offer, headers=headers,
                )  # fmt: skip
        except httpx.HTTPError as error:
            raise CallError(unreachable(url, error)) from None
        if response.status_code != 201:
            kind = Gone if response.status_code == 404 else CallError
            raise kind(f"The server refused ({response.status_code}): {response.text[:300]}")
        return response

    async def _accept(self, peer: Peer, answer: str) -> None:
        try:
            await asyncio.to_thread(peer.accept, answer)
        except OfferError as error:
            reason = "its media port takes no TCP connection" if self._tcp else str(error)
            raise CallError(f"The server's answer leads nowhere: {reason}.") from None

    async def move(self, url: str | None = None) -> None:
        """Do what `talkover.move` asks for: connect beside this leg to the server that answers
        there now, and say so; the call goes on there once it is let go here.

        CallError, and then the call stays where it is.
        """
        beside = await self._returned(url or self.url, {"waiting": "true"}, lambda _: None)
        if self._beside is not None:
            self._beside[0].close()
        self._beside = beside
        self.send({"type": "talkover.moving"})

    async def come_back(self) -> None:
        """Go on with a call that was cut off, at the server that answers there now. CallError; Gone
        where the call has ended."""
        if self._beside is not None:
            return self._go_on(*self._beside)
        self._told = False
        media, peer, location = await self._returned(self.url, {}, self._take)
        old, self._shift = self._media, None
        self._media, self._peer, self.location = media, peer, location
        self._token = self.back
        self.legs += 1
        if old is not None:
            old.close()

    @property
    def is_moving(self) -> bool:
        """Another server waits for it."""
        return self._beside is not None

    async def attended(self) -> str:
        """How the call stands once its server says more than that it goes on: "away", how it ended,
        "gone" where it knows of none, "broke" where the connection did; "" where nobody answers."""
        with suppress(TimeoutError):
            await self.until(lambda: self._told, CONNECT_S)
        how = ""
        once = httpx.Timeout(None, connect=CONNECT_S)
        asked = f"{self.location}/alive"
        try:
            async with (
                self._http() as client,
                client.stream("GET", asked, headers=self._headers(), timeout=once) as response,
            ):
                if response.status_code == 404:
                    return "gone"
                if response.status_code != 200:
                    return ""
                async for line in response.aiter_lines():
                    if line != "here":
                        return line
                    how = "broke"
        except httpx.HTTPError:
            pass
        return how

    def over(self, why: str) -> None:
        """It is not come back to any more."""
        self.closed = self._cut or why
        self._arrived.set()

    async def _returned(
        self, url: str, query: dict[str, str], take: Callable[[m.Item], None]
    ) -> tuple[MediaPort, Peer, str]:
        """A connected leg that was offered with the token, and where it is. CallError."""
        media, peer, offer = self._leg()
        connected = asyncio.Event()

        def handle(item: m.Item) -> None:
            if isinstance(item, m.Connected):
                connected.set()
            else:
                take(item)

        media.bind(peer, handle)
        try:
            response = await self._offer(url, offer, query, self.back)
            await self._accept(peer, response.text)
            async with asyncio.timeout(CONNECT_S):
                await connected.wait()
        except BaseException as error:
            media.close()
            if isinstance(error, TimeoutError):
                raise CallError("The media did not connect there.") from None
            raise
        return media, peer, urljoin(url, response.headers["Location"])

    def _go_on(self, media: MediaPort, peer: Peer, location: str) -> None:
        """Over the other leg, from now on."""
        old, self._beside, self._shift = self._media, None, None
        self._media, self._peer, self.location = media, peer, location
        self._token, self._told = self.back, False
        self.legs += 1
        media.bind(peer, self._take)
        self.send({"type": "talkover.resume"})
        if old is not None:
            old.close()

    async def roam(self) -> None:
        """Go on from the addresses that this machine has now (an ICE restart); the call goes on as
        soon as a way is found. Over UDP only. CallError: it stays where it was."""
        assert self._media is not None and self._peer is not None
        try:
            offer = await self._media.offer_restart(self._peer)
            headers = {"Content-Type": "application/sdp"} | self._headers()
            async with self._http() as client:
                response = await client.patch(self.location, content=offer, headers=headers)
            if response.status_code != 200:
                raise CallError(
                    f"The server refused ({response.status_code}): {response.text[:300]}"
                )
            await asyncio.to_thread(self._peer.accept, response.text)
        except (OfferError, TimeoutError) as error:
            raise CallError(f"No offer could be made: {error}") from None
        except httpx.HTTPError as error:
            raise CallError(unreachable(self.url, error)) from None

    def vanish(self) -> None:
        """Be gone without a word, as a machine that lost its power."""
        self.location = ""
        if self._media is not None:
            self._media.close()

    async def hang_up(self) -> None:
        if self._peer is not None and self.closed is None:
            self._peer.close()
        if self.location:
            async with self._http() as client:
                try:
                    await client.post(f"{self.location}/hangup", headers=self._headers())
                except httpx.HTTPError:
                    pass
        if self._media is not None:
            self._media.close()
        if self._beside is not None:
            self._beside[0].close()

    def play(self, pcm: bytes, rate: int) -> None:
        """Say something, now; a second call interrupts nothing and follows the first.

        Where another server waits for the call, that is told too, as of one microphone.
        """
        assert self._peer is not None
        self._epoch += 1
        for peer in (self._peer, self._beside[1]) if self._beside else (self._peer,):
            peer.play(self._epoch, pcm, rate, [])
            peer.release(self._epoch)
            peer.finish(self._epoch)

    def play_file(self, file: Path) -> float:
        """Say what a WAV file holds; how many seconds that takes. InputError."""
        pcm, rate = read_wav(file)
        self.play(pcm, rate)
        return len(pcm) / 2 / rate

    def speak(self, pcm: bytes, rate: int) -> int:
        """Go on saying something live; how many milliseconds of it are still to be sent."""
        assert self._peer is not None
        if self._live is not self._peer:
            self._live = self._peer
            self._epoch += 1
            self._peer.release(self._epoch)
        return self._peer.play(self._epoch, pcm, rate, [])

    def show(self, webp: bytes) -> None:
        """The camera shows this lossy WebP from now on; only with `video`. InputError."""
        assert self._peer is not None
        try:
            self._peer.show(webp)
        except ValueError as error:
            raise InputError(str(error)) from None

    async def look(self, seconds: float = 5.0) -> m.Picture:
        """The picture that the agent shows. TimeoutError, CallError."""
        assert self._peer is not None
        before = len(self.pictures)
        self._peer.look(round(seconds * 1000))
        await self.until(lambda: len(self.pictures) > before, seconds)
        return self.pictures[-1]

    def send(self, event: Event) -> None:
        assert self._peer is not None
        self._peer.send(json.dumps(event))

    def type(self, text: str, metadata: dict[str, str] | None = None) -> None:
        """Ask in writing; the response will bear `metadata`."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        self.send({"type": "conversation.item.create", "item": item})
        response = {} if metadata is None else {"response": {"metadata": metadata}}
        self.send({"type": "response.create"} | response)

    def of(self, type: str) -> list[Event]:
        """The events of a type so far."""
        return [event for _, event in self.events if event["type"] == type]

    async def until(self, true: Callable[[], bool], seconds: float | None = 20.0) -> None:
        """Wait for something that an event or the end brings. TimeoutError, CallError."""
        async with asyncio.timeout(seconds):
            while not true():
                if self.closed is not None:
                    raise CallError(f"The call ended: {self.closed}.")
                self._arrived.clear()
                await self._arrived.wait()

    async def wait_for(self, type: str, count: int = 1, seconds: float = 20.0) -> Event:
        """The `count`-th event of a type, as soon as it is there."""
        await self.until(lambda: len(self.of(type)) >= count, seconds)
        return self.of(type)[count - 1]

    def save(self, file: Path) -> None:
        """The agent's voice as WAV, 16 kHz. InputError."""
        write_wav(file, bytes(self.sound.pcm), RATE)

    def _http(self) -> httpx.AsyncClient:
        context = client_context(self.url, self._insecure)
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        return httpx.AsyncClient(verify=context, timeout=timeout)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def _take(self, item: m.Item) -> None:
        match item:
            case m.Connected(transport):
                self.transport = transport
                self.sound.began = self.now
            case m.Text(text):
                event = json.loads(text)
                self.events.append((self.now, event))
                self._told = self._told or event["type"] == "session.created"
                self._on_event(self.now, event)
                if event["type"] == "talkover.ended" and self._beside is not None:
                    self._go_on(*self._beside)
            case m.AudioIn(at, pcm):
                if self._shift is None:
                    self._shift = round((self.now - self.sound.began) * RATE) - at
                self.sound.take(at + self._shift, pcm)
                self._on_sound(pcm)
                # Fifty a second, and nobody waits for one.
                return
            case m.Speech(on, _):
                self.speech.append((self.now, on))
            case m.Picture():
                self.pictures.append(item)
            case m.Closed(reason):
                self._cut = reason
                if not self.stays:
                    self.closed = reason
            case _:
                pass
        self._arrived.set()


def _picture(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from None


def taken_apart(url: str) -> tuple[str, str | None]:
    """The address with one slash at its end, and the key that a printed URL carries. CallError."""
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        found = httpx.URL("")
    if found.scheme not in ("http", "https") or not found.host:
        raise CallError(f"{url} is no URL to call; give one such as http://127.0.0.1:8080.")
    key = parse_qs(urlsplit(url).fragment).get("key")
    return str(found.copy_with(fragment=None)).rstrip("/") + "/", key[0] if key else None


def unreachable(url: str, error: httpx.HTTPError) -> str:
    """Why there is no answer, and what to look at."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"{url} shows a certificate that nobody vouches for; --insecure takes any."
    return f"{url} cannot be reached ({type(error).__name__}); is the server running?"


def _near(url: str) -> str:
    """The address to call from."""
    host = httpx.URL(url).host
    if is_loopback(host):
        return "::1" if ":" in host else "127.0.0.1"
    # Where there is IPv6, a socket for it takes both.
    return "::" if has_dualstack_ipv6() else "0.0.0.0"
