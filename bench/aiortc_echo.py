"""The peer to compare with: an aiortc server that sends back what it hears, over MediaRelay.

It takes the same calls as `bench.server` and answers for itself on the same pipe.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import uuid

import aioice.ice
import uvicorn
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.accounts import account
from bench.server import answer


async def main() -> None:
    # aioice leaves loopback out, and loopback is where this is measured.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    relay = MediaRelay()
    calls: dict[str, RTCPeerConnection] = {}

    async def call(request: Request) -> Response:
        offer = RTCSessionDescription((await request.body()).decode(), "offer")
        name = uuid.uuid4().hex
        peer = calls[name] = RTCPeerConnection(RTCConfiguration(iceServers=[]))

        @peer.on("track")
        def echo(track: object) -> None:
            peer.addTrack(relay.subscribe(track))

        await peer.setRemoteDescription(offer)
        await peer.setLocalDescription(await peer.createAnswer())
        location = {"Location": f"/v1/realtime/calls/{name}"}
        return Response(peer.localDescription.sdp, 201, location, "application/sdp")

    async def hangup(request: Request) -> Response:
        peer = calls.pop(request.path_params["id"], None)
        if peer is not None:
            await peer.close()
        return Response()

    app = Starlette(
        routes=[
            Route("/v1/realtime/calls", call, methods=["POST"]),
            Route("/v1/realtime/calls/{id}/hangup", hangup, methods=["POST"]),
        ],
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    serving = server.serve([listener])
    print(f"listens at http://127.0.0.1:{port}", file=sys.stderr, flush=True)
    await asyncio.gather(serving, answer(lambda: {"media": {}} | account(), lambda: None))


if __name__ == "__main__":
    asyncio.run(main())
