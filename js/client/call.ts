import { CallError, type CallState, type RealtimeEvent, type Transport } from "./events";
import { SocketCall } from "./socket";

export interface Options {
  /** The server; left out, the page's own. */
  url?: string;
  /** A client secret, or the server's key. */
  token?: string;
  agent?: string;
  microphone: MediaStream;
  /** Told of every event, in order. */
  onEvent?: (event: RealtimeEvent) => void;
  onState?: (state: CallState, reason: string) => void;
  /** The agent's voice, as soon as there is one. */
  onVoice?: (voice: MediaStream) => void;
}

export interface Stats {
  transport: Transport;
  rttMs: number | null;
  lossPercent: number | null;
  jitterMs: number | null;
}

const ICE_MS = 4000;
const SETUP_MS = 15000;

/** One conversation, over WebRTC; where media cannot connect, over a WebSocket. */
export class Call {
  state: CallState = "idle";
  transport: Transport = "";
  private peer: RTCPeerConnection | null = null;
  private channel: RTCDataChannel | null = null;
  private socket: SocketCall | null = null;
  private location = "";

  constructor(private readonly options: Options) {}

  /** Resolves when it is live. CallError says what is wrong. */
  async connect(): Promise<void> {
    this.become("connecting", "");
    try {
      if (!(await this.dial())) {
        this.hangUpPeer();
        await this.goOverSocket();
      }
      this.become("live", "");
    } catch (error) {
      this.hangUpPeer();
      const told = error instanceof CallError ? error : new CallError(String(error), "failed");
      this.become("error", told.message);
      throw told;
    }
  }

  send(event: RealtimeEvent): void {
    if (this.socket) this.socket.send(event);
    else if (this.channel?.readyState === "open") this.channel.send(JSON.stringify(event));
  }

  /** Ask in writing. */
  type(text: string): void {
    const content = [{ type: "input_text", text }];
    this.send({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content },
    });
    this.send({ type: "response.create" });
  }

  /** Application data for the agent's `on(name)`. */
  message(name: string, data: unknown): void {
    this.send({ type: "talkover.message", name, data });
  }

  interrupt(): void {
    this.send({ type: "response.cancel" });
    this.send({ type: "output_audio_buffer.clear" });
  }

  mute(muted: boolean): void {
    for (const track of this.options.microphone.getAudioTracks()) track.enabled = !muted;
  }

  /** Speak through another microphone from now on. */
  async replaceMicrophone(stream: MediaStream): Promise<void> {
    const track = stream.getAudioTracks()[0];
    const sender = this.peer?.getSenders().find((s) => s.track?.kind === "audio");
    if (track && sender) await sender.replaceTrack(track);
  }

  hangUp(): void {
    this.socket?.close();
    if (this.location) {
      void fetch(`${this.location}/hangup`, { method: "POST", headers: this.headers() });
    }
    this.hangUpPeer();
    this.become("ended", "hung up");
  }

  async stats(): Promise<Stats> {
    const none = { rttMs: null, lossPercent: null, jitterMs: null };
    if (!this.peer) return { transport: this.transport, ...none };
    const report = await this.peer.getStats();
    const found: Stats = { transport: this.transport, ...none };
    for (const entry of report.values()) {
      if (entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded") {
        if (entry.currentRoundTripTime !== undefined) {
          found.rttMs = entry.currentRoundTripTime * 1000;
        }
        const remote = report.get(entry.remoteCandidateId);
        const local = report.get(entry.localCandidateId);
        found.transport = local?.candidateType === "relay" ? "relay" : (remote?.protocol ?? "udp");
      }
      if (entry.type === "inbound-rtp" && entry.kind === "audio") {
        const all = entry.packetsReceived + entry.packetsLost;
        found.lossPercent = all > 0 ? (100 * Math.max(0, entry.packetsLost)) / all : 0;
        found.jitterMs = entry.jitter * 1000;
      }
    }
    this.transport = found.transport || this.transport;
    return found;
  }

  /** True when media connected in time, false where another way is to be taken. */
  private async dial(): Promise<boolean> {
    const peer = new RTCPeerConnection();
    this.peer = peer;
    const track = this.options.microphone.getAudioTracks()[0];
    if (!track) throw new CallError("There is no microphone.", "no_microphone");
    peer.addTrack(track, this.options.microphone);
    peer.ontrack = ({ streams }) => streams[0] && this.options.onVoice?.(streams[0]);
    const channel = peer.createDataChannel("oai-events");
    this.channel = channel;
    channel.onmessage = ({ data }) => this.take(JSON.parse(String(data)) as RealtimeEvent);
    const offer = await peer.createOffer();
    // The server is ICE-lite: it needs none of our candidates, so nothing waits for them.
    const answered = this.post(offer.sdp ?? "");
    await peer.setLocalDescription(offer);
    await peer.setRemoteDescription({ type: "answer", sdp: await answered });
    const connected = await settled(peer, ICE_MS);
    if (!connected) return false;
    await opened(channel);
    peer.onconnectionstatechange = () => this.watch(peer);
    await this.stats();
    return true;
  }

  private watch(peer: RTCPeerConnection): void {
    if (peer !== this.peer) return;
    if (peer.connectionState === "connected") this.become("live", "");
    if (peer.connectionState === "disconnected") this.become("reconnecting", "the network is gone");
    if (peer.connectionState === "failed" || peer.connectionState === "closed") {
      this.hangUpPeer();
      this.become("ended", "the connection was lost");
    }
  }

  private async post(sdp: string): Promise<string> {
    const query = new URLSearchParams({ extensions: "talkover" });
    if (this.options.agent) query.set("agent", this.options.agent);
    let response: Response;
    try {
      response = await fetch(`${this.base()}/v1/realtime/calls?${query}`, {
        method: "POST",
        headers: { ...this.headers(), "Content-Type": "application/sdp" },
        body: sdp,
        signal: AbortSignal.timeout(SETUP_MS),
      });
    } catch {
      throw new CallError("The server cannot be reached. Is it still running?", "unreachable");
    }
    const text = await response.text();
    if (response.status !== 201) throw refusal(response.status, text);
    const location = response.headers.get("Location");
    this.location = location ? new URL(location, this.base() + "/").href : "";
    return text;
  }

  private async goOverSocket(): Promise<void> {
    const url = new URL(`${this.base()}/v1/realtime?extensions=talkover`);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    if (this.options.agent) url.searchParams.set("agent", this.options.agent);
    this.transport = "websocket";
    this.socket = new SocketCall(
      url.href,
      this.options,
      (event) => this.take(event),
      (reason) => this.become("ended", reason),
    );
    this.options.onVoice?.(await this.socket.open());
  }

  private take(event: RealtimeEvent): void {
    this.options.onEvent?.(event);
    if (event.type === "talkover.ended") {
      this.hangUpPeer();
      this.become("ended", String(event["reason"]));
    }
  }

  private base(): string {
    return (this.options.url ?? location.origin).replace(/\/$/, "");
  }

  private headers(): Record<string, string> {
    return this.options.token ? { Authorization: `Bearer ${this.options.token}` } : {};
  }

  private hangUpPeer(): void {
    const peer = this.peer;
    this.peer = null;
    this.channel = null;
    peer?.close();
  }

  private become(state: CallState, reason: string): void {
    if (this.state === state || (this.state === "ended" && state !== "connecting")) return;
    this.state = state;
    this.options.onState?.(state, reason);
  }
}

function refusal(status: number, body: string): CallError {
  try {
    const { error } = JSON.parse(body) as { error: { message: string; code: string | null } };
    return new CallError(error.message, error.code ?? "refused", status);
  } catch {
    return new CallError(`The server answered ${status}.`, "refused", status);
  }
}

function settled(peer: RTCPeerConnection, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    const look = () => {
      if (peer.connectionState === "connected" || peer.connectionState === "failed") {
        clearTimeout(timer);
        resolve(peer.connectionState === "connected");
      }
    };
    peer.onconnectionstatechange = look;
    look();
  });
}

function opened(channel: RTCDataChannel): Promise<void> {
  if (channel.readyState === "open") return Promise.resolve();
  return new Promise((resolve) => (channel.onopen = () => resolve()));
}
