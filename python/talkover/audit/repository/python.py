"""Signs in Python, by its syntax tree (pure). What does not parse has none."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .calls import Functions, constant, dotted, keywords
from .sign import Sign, at
from .tree import Source

_LLM = (
    "chat.completions.create", "messages.create", "responses.create", "ChatCompletion.create",
    "generate_content",
)  # fmt: skip
_STT = ("audio.transcriptions.create", "audio.translations.create", "Audio.transcribe")
_TTS = "audio.speech.create"
_SYNC_CLIENTS = {"OpenAI", "Anthropic", "Groq", "AzureOpenAI", "Mistral"}
_CLIENTS = _SYNC_CLIENTS | {
    "AsyncOpenAI", "AsyncAnthropic", "AsyncGroq", "AsyncAzureOpenAI", "httpx.Client",
    "httpx.AsyncClient", "aiohttp.ClientSession", "requests.Session", "ElevenLabs",
}  # fmt: skip
_REQUESTS = re.compile(r"requests\.(get|post|put|patch|delete|request)")
_BLOCKING = {
    "time.sleep", "urllib.request.urlopen", "subprocess.run", "subprocess.call",
    "subprocess.check_output", "subprocess.check_call", "os.system",
}  # fmt: skip
_STATE = re.compile(
    r"(?i)_?\w*(sessions?|histor(y|ies)|conversations?|chats?|messages|memory)(_by\w+)?"
)
_EMPTY = {"dict", "list", "defaultdict", "collections.defaultdict", "OrderedDict", "deque"}
_CHANGES = {"append", "extend", "setdefault", "update", "pop", "clear"}
_AUDIO = re.compile(r"(?i)\w*(audio|sound|speech|recording)\w*")
_VOICE = {
    "whisper",
    "faster_whisper",
    "elevenlabs",
    "deepgram",
    "gtts",
    "assemblyai",
    "cartesia",
    "vosk",
}
"""What a voice backend imports; a microphone of its own machine is none of its callers'."""
_SOCKETS = {
    "aiortc", "socketio", "livekit", "pipecat", "fastrtc", "talkover", "websockets",
    "flask_socketio", "flask_sock",
}  # fmt: skip
_FUNCTIONS = {"mangum", "functions_framework", "chalice"}
"""What runs an application as functions."""
_SOCKET_CALLS = {"WebSocketRoute", "WebSocketResponse", "web.WebSocketResponse"}
_TASKS = {"create_task", "ensure_future", "TaskGroup", "gather", "start_soon"}

_Found = Iterator[tuple[str, ast.AST, float | None]]
"""A sign's name, where it is, and its own cost."""


def python_signs(source: Source) -> list[Sign]:
    """Whatever the text, there is an answer."""
    try:
        tree = ast.parse(source.text)
        functions = Functions(tree)
        found = [
            *_context(tree, functions), *_calls(functions), *_blocking(functions),
            *_loops(functions), *_state(tree), *_base64(tree),
        ]  # fmt: skip
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    lines = source.text.splitlines()
    return [at(name, source.path, getattr(n, "lineno", 1), lines, ms) for name, n, ms in found]


def _ends(name: str, *ends: str) -> bool:
    return any(name == end or name.endswith(f".{end}") for end in ends)


def _context(tree: ast.Module, functions: Functions) -> _Found:
    for node in ast.walk(tree):
        for module in _imported(node):
            if module in _VOICE:
                yield "voice", node, None
            elif module in _SOCKETS:
                yield "socket", node, None
            elif module in _FUNCTIONS:
                yield "serverless", node, None
        if isinstance(node, ast.Constant) and node.value == "text/event-stream":
            yield "stream", node, None
    for call, _ in functions.calls():
        name = dotted(call.func)
        if _ends(name, *_STT, _TTS):
            yield "voice", call, None
        elif name in _SOCKET_CALLS:
            yield "socket", call, None
        elif _ends(name, "StreamingResponse"):
            yield "stream", call, None
        elif _ends(name, "uvicorn.run") and (constant(keywords(call).get("workers")) or 1) > 1:
            yield "workers", call, None
    for handler, verb in functions.handlers.items():
        name = "socket" if "websocket" in verb else "route"
        # Where the path is told.
        yield name, handler if verb == "function" else handler.decorator_list[0], None


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module.partition(".")[0]


def _calls(functions: Functions) -> _Found:
    """How providers are called."""
    for call, inside in functions.calls():
        name, given = dotted(call.func), keywords(call)
        handling = inside is not None and inside in functions.handling
        open_ended = None in given
        if _ends(name, *_LLM):
            yield "llm", call, None
            if not open_ended and not given.keys() & {"stream", "response_format"}:
                yield "llm-not-streamed", call, None
        elif _ends(name, *_STT) and not given.keys() & {"stream"}:
            yield "stt-after-upload", call, None
        elif _ends(name, "transcribe") and handling:
            yield "stt-after-upload", call, None
        elif _ends(name, _TTS) and "with_streaming_response" not in name:
            yield "tts-not-streamed", call, None
        if handling and (name in _CLIENTS or _REQUESTS.fullmatch(name)):
            yield "client-per-request", call, None


def _blocking(functions: Functions) -> _Found:
    clients = functions.assigned(_SYNC_CLIENTS)
    for call, inside in functions.calls():
        if not isinstance(inside, ast.AsyncFunctionDef):
            continue
        name = dotted(call.func)
        asks = name.split(".")[0] in clients and _ends(name, "create")
        if name in _BLOCKING or _REQUESTS.fullmatch(name) or asks:
            slept = constant(call.args[0]) if name == "time.sleep" and call.args else None
            yield "sync-in-async", call, None if slept is None else min(slept * 1000, 60_000)


def _loops(functions: Functions) -> _Found:
    for loop, inside in functions.loops():
        names = {dotted(node.func) for node in ast.walk(loop) if isinstance(node, ast.Call)}
        if inside is not None and _turns(names) and not functions.uses(inside, _TASKS):
            yield "turn-blocks-socket", loop, None
        sleeps = [
            node
            for node in ast.walk(loop)
            if isinstance(node, ast.Call) and _ends(dotted(node.func), "sleep")
        ]
        asks = any(_REQUESTS.fullmatch(name) or _ends(name, "retrieve") for name in names)
        if sleeps and asks and _is_waiting(loop):
            slept = constant(sleeps[0].args[0]) if sleeps[0].args else None
            yield "polling", loop, None if slept is None else min(slept * 500, 60_000)


def _turns(names: set[str]) -> bool:
    reads = {"receive_text", "receive_bytes", "receive_json", "receive", "recv"}
    return any(_ends(name, *reads) for name in names) and any(
        _ends(name, *_LLM, *_STT, _TTS) for name in names
    )


def _is_waiting(loop: ast.While | ast.For | ast.AsyncFor) -> bool:
    """Whether a loop ends when what it asks for is there."""
    known = isinstance(loop, ast.While) and not isinstance(loop.test, ast.Constant)
    return known or any(isinstance(node, ast.Break | ast.Return) for node in ast.walk(loop))


def _state(tree: ast.Module) -> _Found:
    changed: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            changed.add(dotted(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            named = owner.value if isinstance(owner, ast.Subscript) else owner
            if node.func.attr in _CHANGES:
                changed.add(dotted(named))
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        if _STATE.fullmatch(name) and name in changed and _is_empty(value):
            yield "memory-state", node, None


def _is_empty(value: ast.expr) -> bool:
    match value:
        case ast.Dict(keys=[]) | ast.List(elts=[]):
            return True
        case ast.Call(func=func):
            return dotted(func) in _EMPTY
        case _:
            return False


def _base64(tree: ast.Module) -> _Found:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Dict):
            continue
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        # A protocol's own message, whose form is not for its users to choose.
        if "type" in keys:
            continue
        for key, value in zip(keys, node.values, strict=True):
            coded = (
                _ends(dotted(inner.func), "b64encode")
                for inner in ast.walk(value)
                if isinstance(inner, ast.Call)
            )
            if isinstance(key, str) and _AUDIO.fullmatch(key) and any(coded):
                yield "audio-in-json", value, None
