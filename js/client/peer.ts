import { CallError, type RealtimeEvent, type Transport } from "./events";
import type { Leg, Listener, Stats } from "./leg";
import type { Server } from "./server";

const CONNECT_MS = 4000;
/** Pictures are taken one at a time: frames in between serve only to have the next one soon. */
const FRAME_RATE = 10;

/** A call over WebRTC: sound as media, events on a data channel. */
export class PeerLeg implements Leg {
  transport: Transport = "udp";
  private location = "";
  private away = false;
  private video: RTCRtpTransceiver | null = null;
  private received = { packets: 0, lost: 0 };

  private constructor(
    private readonly peer: RTCPeerConnection,
    private readonly channel: RTCDataChannel,
    private readonly server: Server,
    private readonly listener: Listener,
  ) {}

  /** The open leg; null where media does not get through in time and another way is to be taken. */
  static async open(
    server: Server, microphone: MediaStream, listener: Listener,
  ): Promise<PeerLeg | null> {
    if (typeof RTCPeerConnection === "undefined") return null;
    const track = microphone.getAudioTracks()[0];
    if (!track) throw new CallError("There is no microphone.", "no_microphone");
    const peer = new RTCPeerConnection();
    const leg = new PeerLeg(peer, peer.createDataChannel("oai-events"), server, listener);
    peer.addTrack(track, microphone);
    leg.offerVideo();
    try {
      if (await leg.connect()) return leg;
    } catch (error) {
      leg.close();
      throw error;
    }
    leg.close();
    return null;
  }

  send(event: RealtimeEvent): void {
    if (this.channel.readyState === "open") this.channel.send(JSON.stringify(event));
  }

  get films(): boolean {
    return this.video?.currentDirection === "sendrecv";
  }

  async film(video: MediaStream | null): Promise<void> {
    const sender = this.video?.sender;
    if (!sender) return;
    await sender.replaceTrack(video?.getVideoTracks()[0] ?? null);
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) encoding.maxFramerate = FRAME_RATE;
    await sender.setParameters({ ...parameters, degradationPreference: "maintain-resolution" });
  }

  async speakThrough(microphone: MediaStream): Promise<void> {
    const [sender] = this.peer.getSenders();
    await sender?.replaceTrack(microphone.getAudioTracks()[0] ?? null);
  }

  close(): void {
    this.peer.onconnectionstatechange = this.peer.ontrack = this.channel.onmessage = null;
    const { location } = this;
    this.location = "";
    // Hung up first: a connection that just closes looks like a caller who vanished.
    void (location ? this.server.hangUp(location) : Promise.resolve()).then(() => this.peer.close());
  }

  /** Loss is that of the time since it was last asked. */
  async stats(): Promise<Stats> {
    const found: Stats = { transport: this.transport, rttMs: null, lossPercent: null, jitterMs: null };
    const report = await this.peer.getStats();
    for (const entry of report.values()) {
      if (entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded") {
        const rtt = entry.currentRoundTripTime as number | undefined;
        found.rttMs = rtt === undefined ? null : rtt * 1000;
        const local = report.get(entry.localCandidateId);
        found.transport = local?.candidateType === "relay" ? "relay" : (local?.protocol ?? "udp");
      }
      if (entry.type === "inbound-rtp" && entry.kind === "audio") {
        const packets = entry.packetsReceived - this.received.packets;
        const lost = Math.max(0, entry.packetsLost - this.received.lost);
        this.received = { packets: entry.packetsReceived, lost: entry.packetsLost };
        found.lossPercent = packets + lost > 0 ? (100 * lost) / (packets + lost) : 0;
        found.jitterMs = entry.jitter * 1000;
      }
    }
    this.transport = found.transport;
    return found;
  }

  /** A line for pictures from the start, since nothing is negotiated later; it costs nothing. */
  private offerVideo(): void {
    const video = this.peer.addTransceiver("video", { direction: "sendrecv" });
    const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
    const wanted = codecs.filter(({ mimeType }) => ["video/VP8", "video/rtx"].includes(mimeType));
    if (wanted[0]) video.setCodecPreferences(wanted);
    this.video = video;
  }

  private async connect(): Promise<boolean> {
    const { peer, channel, listener } = this;
    peer.ontrack = ({ track, streams }) => {
      if (track.kind === "video") listener.pictures(new MediaStream([track]));
      else if (streams[0]) listener.voice(streams[0]);
    };
    channel.onmessage = ({ data }) => listener.event(JSON.parse(String(data)) as RealtimeEvent);
    const offer = await peer.createOffer();
    // The server is ICE-lite: it needs none of our candidates, so nothing waits for them.
    const answer = this.server.answer(offer.sdp ?? "");
    const [{ sdp, location }] = await Promise.all([answer, peer.setLocalDescription(offer)]);
    this.location = location;
    await peer.setRemoteDescription({ type: "answer", sdp });
    if (!(await this.opened())) return false;
    peer.onconnectionstatechange = () => this.watch();
    await this.stats();
    return true;
  }

  /** True once events pass; false when that cannot be, or not in time. */
  private opened(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), CONNECT_MS);
      this.channel.onopen = () => {
        clearTimeout(timer);
        resolve(true);
      };
      this.peer.onconnectionstatechange = () => {
        if (this.peer.connectionState !== "failed") return;
        clearTimeout(timer);
        resolve(false);
      };
    });
  }

  private watch(): void {
    switch (this.peer.connectionState) {
      case "connected":
        // The first time may come after the channel opened, when `open` has told it already.
        if (this.away) this.listener.state("live", "");
        this.away = false;
        return;
      case "disconnected":
        this.away = true;
        return this.listener.state("reconnecting", "nothing comes from the server any more");
      case "failed":
      case "closed":
        return this.listener.state("ended", "the connection was lost");
    }
  }
}
