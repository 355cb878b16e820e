"""Signs in JavaScript and TypeScript (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .sign import Sign, at
from .syntax import Call, Script
from .tree import Source

SUFFIXES = (".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx")

_LLM = (
    ("chat", ".", "completions", ".", "create", "("), ("messages", ".", "create", "("),
    ("responses", ".", "create", "("),
)  # fmt: skip
_CLIENTS = {
    "OpenAI", "Anthropic", "Groq", "AzureOpenAI", "Mistral", "ElevenLabsClient", "CartesiaClient",
    "GoogleGenerativeAI", "DeepgramClient",
}  # fmt: skip
_SHARED = re.compile(r"(get|create|make|init|build)\w*|constructor", re.IGNORECASE)
_SOCKETS = (
    ("new", "WebSocketServer"), ("WebSocketPair",), ("upgradeWebSocket", "("),
    ("new", "RTCPeerConnection"), ("new", "WebSocket"), ("new", "RealtimeSession"),
)  # fmt: skip
_SOCKET_MODULES = {
    "ws", "socket.io", "socket.io-client", "express-ws", "@fastify/websocket", "wrtc", "werift",
    "uWebSockets.js", "livekit-server-sdk", "livekit-client", "@livekit/agents",
    "@openai/agents-realtime", "@vapi-ai/web", "retell-client-js-sdk", "@elevenlabs/react",
}  # fmt: skip
_VOICE = (
    ("new", "MediaRecorder"), ("getUserMedia", "("), ("new", "SpeechRecognition"),
    ("new", "webkitSpeechRecognition"),
)  # fmt: skip
_VOICE_MODULES = {
    "elevenlabs", "@elevenlabs/elevenlabs-js", "@deepgram/sdk", "@cartesia/cartesia-js",
    "assemblyai", "react-speech-recognition", "@google-cloud/speech",
}  # fmt: skip
_VOICE_PATHS = ("/audio/speech", "/audio/transcriptions")
_STATE = re.compile(
    r"(?i)\w*(sessions?|histor(y|ies)|conversations?|chats?|messages|memory)(By\w+)?"
)
_AUDIO = re.compile(r"(?i)\w*(audio|sound|speech|recording)\w*")
_VERBS = {"get", "post", "put", "patch", "delete", "all"}
_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
_LIMIT = re.compile(r"\d+ ?[kKmM][bB]")

_Found = Iterator[tuple[str, int, float | None]]
"""A sign's name, the token it is at, and its own cost."""


def script_signs(source: Source) -> list[Sign]:
    """Whatever the text, there is an answer."""
    read = Script(source.text)
    found = (
        *_models(read), *_recognition(read), *_voice(read), *_clients(read), *_keeping(read),
        *_state(read), *_recording(read), *_polling(read), *_base64(read), *_streams(read),
        *_settings(read), *_context(read), *_routes(read, source),
    )  # fmt: skip
    return [at(name, source.path, read.line(n), read.lines, ms) for name, n, ms in found]


def _models(read: Script) -> _Found:
    for code in _LLM:
        for n in read.places(*code):
            yield "llm", n, None
            if _is_unset(read, read.call(n + len(code) - 1), "stream", "response_format"):
                yield "llm-not-streamed", n, None
    for n in read.places("streamText", "("):
        yield "llm", n, None
    for n in read.places("generateText", "("):
        if read.text(n - 1) != "function":
            yield "llm", n, None
            yield "llm-not-streamed", n, None
    for n, url in read.strings():
        if url.endswith("/chat/completions") and read.is_at(n - 2, ("fetch", "(")):
            yield "llm", n, None
            if _is_unset(read, read.call(n - 1), "stream", "response_format"):
                yield "llm-not-streamed", n, None


def _is_unset(read: Script, call: Call, *options: str) -> bool:
    """Whether the options are given in place, and these are not among them."""
    names = read.names(call)
    spread = any(read.text(n) == "..." for n in range(call.start, call.end))
    in_place = any(read.text(n) == "{" for n in range(call.start, call.end))
    return in_place and not spread and not names & set(options)


def _recognition(read: Script) -> _Found:
    for n in read.places("audio", ".", "transcriptions", ".", "create", "("):
        yield "voice", n, None
        if "stream" not in read.names(read.call(n + 5)):
            yield "stt-after-upload", n, None
    for n, url in read.strings():
        if url.endswith("/audio/transcriptions") and read.is_at(n - 2, ("fetch", "(")):
            yield "stt-after-upload", n, None


def _voice(read: Script) -> _Found:
    whole = next(read.places(".", "arrayBuffer", "("), None)
    for n in read.places("audio", ".", "speech", ".", "create", "("):
        yield "voice", n, None
        if whole is not None and next(read.places(".", "body"), None) is None:
            yield "tts-not-streamed", n, None


def _clients(read: Script) -> _Found:
    for n in read.places("new"):
        inside = read.function(n)
        if read.text(n + 1) not in _CLIENTS or inside is None or _SHARED.fullmatch(inside):
            continue
        before = {read.text(back) for back in range(n - 12, n)}
        if not before & {"??=", "||=", "??", "||", "!"}:
            yield "client-per-request", n, None


def _keeping(read: Script) -> _Found:
    if any(url == "node-fetch" for _, url in read.strings()):
        for n in read.places("fetch", "("):
            if _is_unset(read, read.call(n + 1), "agent") or read.text(n + 3) == ")":
                yield "no-keep-alive", n, None
    for n in read.places("keepAlive", ":", "false"):
        yield "no-keep-alive", n, None


def _state(read: Script) -> _Found:
    for n in (*read.places("const"), *read.places("let"), *read.places("var")):
        name = read.text(n + 1)
        if read.function(n) is not None or not _STATE.fullmatch(name):
            continue
        value = next((k for k in range(n + 2, min(n + 30, len(read))) if read.text(k) == "="), None)
        if value is None:
            continue
        empty = read.is_at(value + 1, ("{", "}")) or read.is_at(value + 1, ("[", "]"))
        if empty or (read.text(value + 1) == "new" and read.text(value + 2) in ("Map", "WeakMap")):
            changed = (
                read.is_at(k, (name, each)) for k in range(n + 3, len(read)) for each in ".["
            )
            if any(changed):
                yield "memory-state", n, None


def _recording(read: Script) -> _Found:
    if next(read.places("new", "MediaRecorder"), None) is None:
        return
    for n in read.places(".", "start", "(", ")"):
        owner = [read.text(back).lower() for back in range(max(n - 3, 0), n)]
        if any("recorder" in name for name in owner):
            yield "recorder-whole", n, None


def _polling(read: Script) -> _Found:
    for n in read.places("setInterval", "("):
        call = read.call(n + 1)
        if read.names(call) & {"fetch", "axios", "$fetch"}:
            yield "polling", n, _half(read, call.end - 1)
    for n in read.places("while", "("):
        after = read.call(n + 1).end + 1
        if read.text(after) != "{":
            continue
        body = read.call(after)
        names = read.names(body)
        if names & {"fetch", "axios", "retrieve"} and names & {"setTimeout", "sleep", "delay"}:
            yield "polling", n, None


def _half(read: Script, n: int) -> float | None:
    """Half of an interval that stands there as a number."""
    text = read.text(n).replace("_", "")
    return int(text) / 2 if text.isascii() and text.isdigit() and len(text) < 8 else None


def _base64(read: Script) -> _Found:
    for n in read.places(":"):
        key = read.tokens[n - 1].text if n else ""
        if not _AUDIO.fullmatch(key) or _is_event(read, n):
            continue
        for k in range(n + 1, min(n + 25, len(read))):
            if read.text(k) in (",", "}", ";"):
                break
            coded = read.is_at(k, ("toString", "(")) and read.tokens[k + 2 : k + 3]
            if read.text(k) == "btoa" or (coded and coded[0].text == "base64"):
                yield "audio-in-json", n, None
                break


def _is_event(read: Script, n: int) -> bool:
    """A protocol's own message, whose form is not for its users to choose."""
    return any(read.is_at(back, ("type", ":")) for back in range(max(n - 12, 0), n))


def _streams(read: Script) -> _Found:
    begun = [n for n, text in read.strings() if text == "text/event-stream"]
    begun += read.places("new", "ReadableStream")
    for n in begun:
        yield "stream", n, None
    asked = next((n for code in _LLM for n in read.places(*code)), None)
    answers = begun or [*read.places("res", ".", "write", "(")]
    if asked is None or not answers:
        return
    words = {token.text for token in read.tokens if token.kind != "mark"}
    if not words & {
        "AbortController",
        "AbortSignal",
        "abort",
        "signal",
        "cancel",
        "close",
        "aborted",
    }:
        yield "no-cancel", answers[0], None


def _settings(read: Script) -> _Found:
    for n in read.places("perMessageDeflate", ":"):
        if read.text(n + 2) != "false":
            yield "deflate-on-audio", n, None
    for code in (("setNoDelay", "(", "false"), ("noDelay", ":", "false")):
        for n in read.places(*code):
            yield "nagle-on", n, None
    for n in (*read.places("sizeLimit", ":"), *read.places("limit", ":")):
        if n + 2 < len(read) and _LIMIT.fullmatch(read.tokens[n + 2].text):
            yield "body-limit", n, None
    for n in read.places("use", "(", "compression", "("):
        if "filter" not in read.names(read.call(n + 3)):
            yield "compression", n, None
    for n in read.places("export", "const", "maxDuration", "="):
        yield "serverless", n, None
        yield "function-duration", n, None
    for n in read.places("export", "const", "runtime", "="):
        if n + 4 < len(read) and read.tokens[n + 4].text == "edge":
            yield "serverless", n, None
    for n in read.places("cluster", ".", "fork", "("):
        yield "workers", n, None


def _context(read: Script) -> _Found:
    for name, codes in (("socket", _SOCKETS), ("voice", _VOICE)):
        for code in codes:
            for n in read.places(*code):
                yield name, n, None
    for n, text in read.strings():
        if text in _SOCKET_MODULES or text.startswith(("ws://", "wss://")):
            yield "socket", n, None
        elif text in _VOICE_MODULES or text.endswith(_VOICE_PATHS):
            yield "voice", n, None


def _routes(read: Script, source: Source) -> _Found:
    for n in read.places("."):
        path = read.tokens[n + 3] if n + 3 < len(read) else None
        verb = read.text(n + 1) in _VERBS and read.text(n + 2) == "("
        if path is not None and verb and path.kind == "text" and path.text.startswith("/"):
            yield "route", n, None
    if source.name.rpartition(".")[0] == "route":
        for n in (*read.places("function"), *read.places("const")):
            if read.text(n + 1) in _METHODS:
                yield "route", n, None
