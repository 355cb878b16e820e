"""What in a repository keeps a backend from real-time voice. All milliseconds are estimates for
one turn, and say how they were reached (pure)."""

from __future__ import annotations

from ..finding import Rule

RULES = (
    Rule(
        "llm-not-streamed", "The model's answer is waited for",
        "Nothing is said before the last word is thought up.",
        "Ask with stream=True (streamText, messages.stream) and speak each sentence as soon as it "
        "is whole.",
        ms=1000, basis="an answer of 60 tokens at 50 tokens a second, less its first sentence",
    ),
    Rule(
        "tts-not-streamed", "The voice is waited for",
        "Nothing is heard before the whole answer has been spoken into a file.",
        "Read the voice as it comes (with_streaming_response, response.body) and play it at once, "
        "sentence by sentence.",
        ms=600, basis="a voice makes 6 s of speech at about ten times real time",
    ),
    Rule(
        "stt-after-upload", "Recognition begins when the user has finished",
        "The recording is uploaded and read after the last word, and no word is known before, so "
        "that nobody can be interrupted or answered early.",
        "Send sound while it is spoken (WebRTC, or a WebSocket) to a recogniser that streams.",
        ms=900, basis="uploading 5 s of speech (100 to 300 ms) and recognising it (500 to 800 ms)",
    ),
    Rule(
        "recorder-whole", "The browser records the whole utterance first",
        "Not a byte leaves before the user has stopped, and somebody must say when that is.",
        "Send the microphone's track over WebRTC; MediaRecorder.start(250) at the least.",
        ms=300, basis="upload of 5 s of Opus or WAV after the end instead of during the speech",
    ),
    Rule(
        "polling", "The result is asked for again and again",
        "It lies ready for half an interval on average, and each look is a request.",
        "Let the server say when there is something: a stream, a WebSocket, a data channel.",
        ms=500, basis="half of the interval, 1 s where it is not told",
    ),
    Rule(
        "client-per-request", "A new client for each request",
        "TCP and TLS are shaken hands over again before each call of a provider.",
        "Make one client when the process starts, and share it: it keeps its connections.",
        ms=120, basis="three round trips of 40 ms: TCP, TLS 1.3, and the first of a slow start",
    ),
    Rule(
        "no-keep-alive", "Connections are not kept",
        "Each request to a provider sets up its own.",
        "Use the built-in fetch (it keeps connections), or an agent with keepAlive: true.",
        ms=120, basis="three round trips of 40 ms: TCP, TLS 1.3, and the first of a slow start",
    ),
    Rule(
        "sync-in-async", "A blocking call in an async function",
        "While it waits, every other caller of this process stands still: their sound stalls.",
        "Use the async client (AsyncOpenAI, httpx.AsyncClient, asyncio.sleep), or "
        "asyncio.to_thread.",
        ms=500, basis="a provider's usual answer time, for all callers of the process at once",
    ),
    Rule(
        "turn-blocks-socket", "While it answers, it does not listen",
        "The loop reads the socket only between answers: nobody can cut in, and a hang-up is "
        "noticed late.",
        "Run each answer as a task, go on reading, and cancel the task when the user speaks.",
        severity="severe",
    ),
    Rule(
        "no-cancel", "Nobody stops an answer that nobody hears",
        "After an interruption or a closed page the model goes on, and is paid, to its end.",
        "Pass an AbortSignal on (request.signal), and abort on the response's close.",
        severity="costly",
    ),
    Rule(
        "no-socket", "A voice application without a lasting connection",
        "Each turn is a request: the server cannot speak by itself, nor hear the user while it "
        "speaks.",
        "Let the browser call over WebRTC, or at least a WebSocket; REST may do the rest.",
        severity="severe",
    ),
    Rule(
        "serverless-voice", "Voice behind functions",
        "A function answers and ends: it holds no call, has no UDP, and starts cold.",
        "Keep the functions for what answers at once, and run the conversation in a process that "
        "stays up.",
        severity="severe",
    ),
    Rule(
        "function-duration", "A time limit cuts answers and streams off",
        "What is still being said when it is reached is lost, and so is a connection that is held.",
        "Hold conversations outside of functions; raise the limit for what must stay.",
        severity="costly",
    ),
    Rule(
        "function-memory", "A function with little memory",
        "Processor comes with memory: it starts and computes slowly.",
        "Give it 1024 MB where it is in a turn's way.",
        ms=200, basis="a cold start with half the processor, in one turn of ten; slower parsing",
    ),
    Rule(
        "one-region", "One region for all callers",
        "Callers on other continents wait for each round trip.",
        "Put what carries the sound near the callers; the model may stay where it is.",
        severity="minor",
    ),
    Rule(
        "memory-state", "Conversations in one process's memory, behind several processes",
        "The next request meets another process: the history is gone, at random.",
        "Hold a conversation on one process for its life (a call does that), or keep the history "
        "in a store.",
        severity="severe",
    ),
    Rule(
        "audio-in-json", "Sound as Base64 in JSON",
        "A third more bytes, and all of it is parsed before the first sample is played.",
        "Send sound as it is: a media track, or binary frames.",
        ms=60, basis="33 % more bytes of 5 s of speech, and parsing it in one piece",
    ),
    Rule(
        "body-limit", "A limit on bodies ends long utterances",
        "Whoever speaks longer than fits is refused (413) after having said it all.",
        "Send sound as it is spoken; no body grows then.",
        severity="minor",
    ),
    Rule(
        "proxy-buffers", "The proxy holds streams back",
        "nginx collects an answer in blocks before it sends it on: a stream arrives whole.",
        "proxy_buffering off for the streamed paths, or the header X-Accel-Buffering: no.",
        ms=500, basis="a short answer is less than one 4 KiB buffer, so all but its first sentence",
    ),
    Rule(
        "proxy-no-upgrade", "The proxy does not let WebSockets through",
        "The handshake's Upgrade is dropped, so no socket opens.",
        'proxy_http_version 1.1, and proxy_set_header Upgrade and Connection "upgrade".',
        severity="severe",
    ),
    Rule(
        "compression-buffers", "Streams go through a compressor",
        "It keeps small pieces until a block is full.",
        "Leave text/event-stream out (the filter option), or flush after each piece.",
        ms=300, basis="a few dozen tokens, which are less than a compressor's block",
    ),
    Rule(
        "deflate-on-audio", "Sound is compressed again",
        "permessage-deflate costs processor and memory for each socket and gains nothing on audio.",
        "perMessageDeflate: false.",
        ms=5, basis="compressing a frame takes well under 1 ms, more where calls share a core",
    ),
    Rule(
        "nagle-on", "Small packets wait for company",
        "Nagle's algorithm and delayed acknowledgements hold a frame of sound back.",
        "Switch it off: setNoDelay(true), tcp_nodelay on.",
        ms=40, basis="the usual delayed acknowledgement of 40 ms",
    ),
)  # fmt: skip

BY_ID = {rule.id: rule for rule in RULES}
