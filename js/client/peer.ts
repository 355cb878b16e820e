import { CallError, type RealtimeEvent, type Transport } from "./events.js";
import { Onset } from "./onset.js";
import { UNMEASURED, type Held, type Leg, type Listener, type Stats } from "./leg.js";
import { scattered } from "./scatter.js";
import type { Server } from "./server.js";

const CONNECT_MS = 4000;
/** The server keeps a call that it does not hear of for 20 s. */
const GONE_MS = 20000;
const AGAIN_MS = 1500;
const ASK_MS = 400;
/** Pictures are taken one at a time: frames in between serve only to have the next one soon. */
const FRAME_RATE = 10;

/** As browsers have it that can tell (Media Capture Extensions). */
type MeasuredTrack = MediaStreamTrack & { stats?: { latency?: number } };

/** A call over WebRTC: sound as media, events on a data channel. */
export class PeerLeg implements Leg {
  transport: Transport = "udp";
  private location = "";
  private away = false;
  private restarting = false;
  private readonly gone = new AbortController();
  private readonly onNetwork = (): void => void this.restart();
  private video: RTCRtpTransceiver | null = null;
  private received = { packets: 0, lost: 0 };
  private readonly onset: Onset;

  private constructor(
    private readonly peer: RTCPeerConnection,
    private readonly channel: RTCDataChannel,
    private readonly server: Server,
    private readonly listener: Listener,
  ) {
    this.onset = new Onset(peer);
  }

  /** The open leg; null where media does not get through in time and another way is to be taken. */
  static async open(
    server: Server, microphone: MediaStream, listener: Listener, iceServers: RTCIceServer[] = [],
  ): Promise<PeerLeg | null> {
    if (typeof RTCPeerConnection === "undefined") return null;
    const track = microphone.getAudioTracks()[0];
    if (!track) throw new CallError("There is no microphone.", "no_microphone");
    const peer = new RTCPeerConnection({ iceServers });
    const leg = new PeerLeg(peer, peer.createDataChannel("oai-events"), server, listener);
    peer.addTrack(track, microphone);
    if (server.asked) leg.offerVideo();
    try {
      if (await leg.connect()) return leg;
    } catch (error) {
      leg.close();
      throw error;
    }
    // Not hung up: the call goes on by the other way.
    leg.drop();
    return null;
  }

  get mostBytes(): number {
    return this.peer.sctp?.maxMessageSize ?? 0;
  }

  send(event: RealtimeEvent): void {
    if (this.channel.readyState !== "open") return;
    this.channel.send(JSON.stringify(event));
    this.listener.passed(true, event);
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

  close(tailMs = 0): void {
    this.gone.abort();
    this.onset.close();
    globalThis.removeEventListener("online", this.onNetwork);
    this.peer.onconnectionstatechange = this.peer.ontrack = this.channel.onmessage = null;
    const { location } = this;
    this.location = "";
    // Hung up first: a connection that just closes looks like a caller who vanished.
    const bye = location ? this.server.hangUp(location) : Promise.resolve();
    void bye.then(() => setTimeout(() => this.peer.close(), tailMs));
  }

  drop(tailMs = 0): void {
    this.location = "";
    this.close(tailMs);
  }

  /** Loss is that of the time since it was last asked. */
  async stats(): Promise<Stats> {
    const found: Stats = { transport: this.transport, ...UNMEASURED };
    const report = await this.peer.getStats();
    this.onset.report(report);
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

  async held(): Promise<Held | null> {
    const heardAt = await this.onset.heardAt();
    return heardAt === null ? null : { captureMs: this.captureMs(), heardAt };
  }

  private captureMs(): number {
    const track = this.peer.getSenders()[0]?.track as MeasuredTrack | null | undefined;
    return track?.stats?.latency ?? 0;
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
    channel.onmessage = ({ data }) => this.take(JSON.parse(String(data)) as RealtimeEvent);
    const offer = await peer.createOffer();
    // The server is ICE-lite: it needs none of our candidates, so nothing waits for them.
    const answer = this.server.answer(offer.sdp ?? "");
    const [{ sdp, location }] = await Promise.all([answer, peer.setLocalDescription(offer)]);
    this.location = location;
    await peer.setRemoteDescription({ type: "answer", sdp });
    if (!(await this.opened())) return false;
    peer.onconnectionstatechange = () => this.watch();
    globalThis.addEventListener("online", this.onNetwork);
    await this.stats();
    if (!this.server.waiting) void this.attend();
    return true;
  }

  private take(event: RealtimeEvent): void {
    this.listener.passed(false, event);
    this.onset.take(event);
    // From now on its server has the call, and knows it by its location.
    if (event.type === "session.created" && this.server.waiting) {
      this.server.waiting = false;
      void this.attend();
    }
    this.listener.event(event);
  }

  /** A broken connection tells at once of a server that died, of which media tells after seconds. */
  private async attend(): Promise<void> {
    const { location, gone } = this;
    while (this.server.resumption && !gone.signal.aborted) {
      const said = await this.server.alive(location, gone.signal);
      if (gone.signal.aborted) return;
      if (said === "away" || said === "gone" || said === "moved") {
        return this.listener.lost("the server was restarted");
      }
      if (said !== null && said !== "here") return;
      // Cut by something in between, or the server is not there: media may tell more.
      await scattered(ASK_MS);
    }
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
      case "failed":
        if (!this.away) this.listener.state("reconnecting", "nothing comes from the server any more");
        this.away = true;
        return void this.restart();
      case "closed":
        return this.listener.lost("the connection was lost");
    }
  }

  /** Goes on from wherever this device is now: the call and its history are still there. */
  private async restart(): Promise<void> {
    if (this.restarting) return;
    this.restarting = true;
    const end = Date.now() + GONE_MS;
    try {
      do {
        // Elsewhere a call cannot be offered anew: its old way may come back by itself.
        if (!this.server.extended || (await this.moved())) await this.settled();
        else await scattered(AGAIN_MS);
      } while (this.away && !this.gone.signal.aborted && Date.now() < end);
    } catch {
      this.away = true;
    } finally {
      this.restarting = false;
    }
    if (this.away && !this.gone.signal.aborted) this.listener.lost("the connection was lost");
  }

  /** True where the server answered; CallError where it knows the call no more. */
  private async moved(): Promise<boolean> {
    const { peer } = this;
    try {
      const offer = await peer.createOffer({ iceRestart: true });
      await peer.setLocalDescription(offer);
      const sdp = await this.server.restart(this.location, offer.sdp ?? "");
      await peer.setRemoteDescription({ type: "answer", sdp });
      return true;
    } catch (error) {
      if (error instanceof CallError) throw error;
      if (peer.signalingState === "have-local-offer") {
        await peer.setLocalDescription({ type: "rollback" });
      }
      return false;
    }
  }

  /** Until the connection is back, or the checks of a new offer have had their time. */
  private settled(): Promise<void> {
    const { peer } = this;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        peer.removeEventListener("connectionstatechange", look);
        resolve();
      };
      const look = (): void => {
        if (peer.connectionState === "connected") done();
      };
      const timer = setTimeout(done, CONNECT_MS);
      peer.addEventListener("connectionstatechange", look);
    });
  }
}
