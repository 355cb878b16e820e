"""Python with one flaw each, by the rule that finds it; and the same done well."""

from __future__ import annotations

FLAWED: dict[str, dict[str, str]] = {
    "llm-not-streamed": {
        "chat.py": """
from openai import AsyncOpenAI
client = AsyncOpenAI()
async def ask(text):
    return await client.chat.completions.create(model="m", messages=[{"role": "user"}])
""",
    },
    "tts-not-streamed": {
        "voice.py": """
import websockets
def say(client, text):
    return client.audio.speech.create(model="tts-1", voice="alloy", input=text).content
""",
    },
    "stt-after-upload": {
        "listen.py": """
import websockets
@app.post("/listen")
async def listen(file: UploadFile):
    return await client.audio.transcriptions.create(model="whisper-1", file=await file.read())
""",
    },
    "polling": {
        "wait.py": """
import time, requests
def wait(id):
    while True:
        answer = requests.get(f"https://example.com/{id}")
        if answer.json()["status"] == "done":
            return answer
        time.sleep(2)
""",
    },
    "client-per-request": {
        "ask.py": """
from openai import AsyncOpenAI
@app.post("/ask")
async def ask(text: str):
    return await answer(text)
async def answer(text):
    client = AsyncOpenAI()
    return await client.chat.completions.create(messages=[], stream=True)
""",
    },
    "sync-in-async": {
        "slow.py": """
import requests
async def look_up(word):
    return requests.get("https://example.com", params={"q": word}).text
""",
    },
    "turn-blocks-socket": {
        "talk.py": """
@app.websocket("/talk")
async def talk(socket):
    while True:
        text = await socket.receive_text()
        async for part in await client.chat.completions.create(messages=[text], stream=True):
            await socket.send_text(part.choices[0].delta.content)
""",
    },
    "memory-state": {
        "app.py": """
histories: dict[str, list] = {}
@app.post("/say")
async def say(id: str, text: str):
    histories.setdefault(id, []).append(text)
""",
        "Procfile": "web: gunicorn app:app -k uvicorn.workers.UvicornWorker --workers 4\n",
    },
    "no-socket": {
        "voice.py": """
import elevenlabs
@app.post("/voice")
async def voice(text: str):
    return Response(elevenlabs.generate(text))
""",
    },
    "audio-in-json": {
        "answer.py": """
import base64
def answer(pcm):
    return {"text": "hello", "audio": base64.b64encode(pcm).decode()}
""",
    },
}

GOOD = {
    "app.py": '''
"""Streams what it says, in a task that the caller's words cancel."""
import asyncio
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI

app = FastAPI()
client = AsyncOpenAI()
ROUTES = {"history": "time.sleep(1)"}

async def answer(socket: WebSocket, text: str):
    stream = await client.chat.completions.create(model="m", messages=[], stream=True)
    async for part in stream:
        async with client.audio.speech.with_streaming_response.create(input=part) as voice:
            async for pcm in voice.iter_bytes():
                await socket.send_bytes(pcm)

@app.websocket("/talk")
async def talk(socket: WebSocket):
    await socket.accept()
    task = None
    while True:
        heard = await socket.receive_bytes()
        if task is not None:
            task.cancel()
        task = asyncio.create_task(answer(socket, heard))

@app.post("/chat")
async def chat(text: str):
    async def told():
        stream = await client.chat.completions.create(model="m", messages=[], stream=True)
        async for part in stream:
            yield part.choices[0].delta.content or ""
    return StreamingResponse(told(), media_type="text/event-stream")

async def once():
    options = {"stream": True}
    await client.chat.completions.create(model="m", messages=[], **options)
    await client.chat.completions.create(model="m", messages=[], response_format={})
    await asyncio.to_thread(lambda: requests.get("https://example.com"))
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(b"").decode()}
''',
    "login.py": """
sessions_seen = []
@app.post("/login")
async def login(name: str):
    return {"ok": True}
""",
    "Procfile": "web: uvicorn app:app --workers 1\n",
    "nginx.conf": """
location / {
  proxy_pass http://app;
  proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection "upgrade";
  proxy_buffering off;
}
""",
}
