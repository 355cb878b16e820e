import { Call, CallError, MOVED, RESUMED, type CallState, type RealtimeEvent } from "../../client";
import { byTest, find, part } from "./dom";
import type { Key, Secret } from "./key";
import { clock } from "./lanes";
import { advice, openMicrophone, release } from "./microphone";
import { verdict } from "./network";
import type { Notices } from "./notice";
import { Pictures } from "./pictures";
import { update, type TurnPolicy } from "./policy";
import type { Preview } from "./preview";
import type { Settings } from "./settings";
import { TranscriptView } from "./show";
import { Stage } from "./stage";
import { Transcript } from "./transcript";

const MOST_EVENTS = 1000;
const STATS_MS = 1000;

/** One call after the other: what they hear, show and are told. */
export class Conversation {
  state: CallState = "idle";
  call: Call | null = null;
  /** The newest events, for whoever looks from the browser's console. */
  readonly events: RealtimeEvent[] = [];
  onBegin = (): void => undefined;
  /** Told of every event both ways; `at` is in milliseconds since the call began. */
  onPassed = (_sent: boolean, _event: RealtimeEvent, _at: number): void => undefined;
  private microphone: MediaStream | null = null;
  private stage: Stage | null = null;
  private transcript = new Transcript();
  private readonly view = new TranscriptView(byTest("transcript"), byTest("announced"));
  private readonly audio = find<HTMLAudioElement>("audio");
  private readonly pictures: Pictures;
  private cuts = 0;
  private told = "";

  constructor(
    private readonly key: Key,
    private readonly notices: Notices,
    private readonly settings: Settings,
    private readonly preview: Preview,
    private readonly mediaPort: () => number | undefined,
  ) {
    this.pictures = new Pictures(() => this.call, notices);
    setInterval(() => void this.measure(), STATS_MS);
    addEventListener("resize", () => this.stage?.redraw());
    matchMedia("(prefers-color-scheme: dark)").onchange = () => this.stage?.redraw();
  }

  get isLive(): boolean {
    return this.state === "live" || this.state === "reconnecting";
  }

  get isDialling(): boolean {
    return this.state === "connecting";
  }

  /** Begin, and ask `question` in writing where there is one. */
  async start(question = ""): Promise<void> {
    if (this.isLive || this.isDialling) return;
    this.reset();
    const stage = (this.stage = new Stage());
    // Whoever hangs up while the browser still asks may even have begun anew by then.
    const givenUp = () => !this.isDialling || this.stage !== stage;
    try {
      const microphone = this.preview.take() ?? (await openMicrophone(this.settings.wishes));
      if (givenUp()) return release(microphone);
      this.microphone = microphone;
      stage.hear("user", microphone);
      const secret = await this.key.secret();
      if (givenUp()) return;
      await this.dial(microphone, secret);
      if (this.state === "live" && question) this.call?.type(question);
    } catch (error) {
      if (givenUp() && this.state !== "error") return;
      if (error instanceof CallError && error.code === "key") byTest("key-form").hidden = false;
      this.become("error", "");
      this.notices.say("call", { tone: "alarm", ...advice(error) });
    }
  }

  hangUp(): void {
    if (this.call) this.call.hangUp();
    else if (this.isDialling) this.become("ended", "hung up");
  }

  interrupt(): void {
    if (this.isLive) this.call?.interrupt();
  }

  type(text: string): void {
    if (this.isLive && text) this.call?.type(text);
  }

  toggleMute(): void {
    if (!this.isLive || this.settings.policy.push) return;
    this.showMute(byTest("mute").getAttribute("aria-pressed") !== "true");
  }

  /** Push to talk: the button or the key goes down. */
  push(): void {
    if (!this.isLive || !this.settings.policy.push) return;
    this.call?.press();
    this.showPushed(true);
  }

  /** …and up: what was said in between is a turn. */
  letGo(): void {
    this.call?.release();
    this.showPushed(false);
  }

  /** The turn policy was changed. */
  applyPolicy(): void {
    const { policy } = this.settings;
    byTest("talk").hidden = !policy.push;
    byTest("mute").hidden = policy.push;
    if (!this.isLive) return;
    this.showMute(false);
    if (policy.push) this.call?.mute(true);
    this.tellPolicy(policy);
  }

  async changeMicrophone(): Promise<void> {
    if (!this.isLive) return;
    try {
      const before = this.microphone;
      this.microphone = await openMicrophone(this.settings.wishes);
      await this.call?.replaceMicrophone(this.microphone);
      this.stage?.hear("user", this.microphone);
      release(before);
    } catch (error) {
      this.notices.say("call", { tone: "alarm", ...advice(error) });
    }
  }

  async changeSpeaker(): Promise<void> {
    const { speaker } = this.settings;
    if ("setSinkId" in this.audio && speaker) await this.audio.setSinkId(speaker).catch(() => undefined);
  }

  /** Back to the page as it was before the first call. */
  leave(): void {
    if (!this.isLive && !this.isDialling) this.become("idle", "");
  }

  private async dial(microphone: MediaStream, secret: Secret | undefined): Promise<void> {
    const agent = part<HTMLSelectElement>("agent").value;
    this.call = new Call({
      microphone,
      ...secret,
      ...(agent ? { agent } : {}),
      onEvent: (event) => this.take(event),
      onPassed: (sent, event) => this.onPassed(sent, event, this.stage?.now ?? 0),
      onState: (state, reason) => this.become(state, reason),
      onVoice: (voice) => this.hear(voice),
      onLevel: (level) => (this.audio.volume = level),
      onPictures: (pictures) => this.pictures.show(pictures),
    });
    await this.call.connect();
  }

  private reset(): void {
    this.transcript = new Transcript();
    this.events.length = this.cuts = 0;
    this.onBegin();
    this.call = null;
    this.told = "";
    this.become("connecting", "");
  }

  private become(state: CallState, reason: string): void {
    const before = this.state;
    this.state = state;
    byTest("state").textContent = state;
    document.body.dataset["phase"] = state;
    for (const id of ["text-input", "send", "mute", "talk"]) {
      byTest<HTMLButtonElement>(id).disabled = !this.isLive;
    }
    if (state === "connecting") this.view.clear("Connecting…");
    if (state === "live" && before === "connecting") this.begin();
    if (state === "ended" || state === "error") this.finish(reason);
    this.explain(state, reason);
  }

  private begin(): void {
    if (this.transcript.entries.length === 0) this.view.clear("Say something. You can interrupt at any time.");
    this.stage?.begin();
    this.pictures.begin();
    void this.settings.fill();
    void this.changeSpeaker();
    const { policy } = this.settings;
    this.showMute(false);
    byTest("talk").hidden = !policy.push;
    byTest("mute").hidden = policy.push;
    if (policy.push) this.call?.mute(true);
    if (this.settings.isChanged) this.tellPolicy(policy);
  }

  private finish(reason: string): void {
    release(this.microphone);
    this.microphone = null;
    this.showPushed(false);
    this.stage?.end();
    this.pictures.end();
    this.audio.srcObject = null;
    byTest<HTMLButtonElement>("interrupt").disabled = true;
    byTest("network").classList.remove("bad");
    for (const id of ["way", "figures", "trouble"]) part(id).textContent = "";
    const lasted = clock((this.stage?.now ?? 0) / 1000);
    const silences = this.transcript.silences.sort((a, b) => a - b);
    const median = silences[Math.floor(silences.length / 2)];
    part("summary").textContent = [
      reason === "hung up" || !reason ? "The call is over" : `The call ended: ${reason}`,
      lasted,
      ...(median === undefined ? [] : [`answers after ${Math.round(median)} ms (median of ${silences.length})`]),
      ...(this.cuts ? [`you cut in ${this.cuts === 1 ? "once" : `${this.cuts} times`}`] : []),
    ].join(" · ");
  }

  private explain(state: CallState, reason: string): void {
    if (state === "reconnecting") {
      const text = "The call goes on by itself as soon as the way is free again.";
      this.notices.say("call", { tone: "alarm", title: `Reconnecting: ${reason}.`, text });
    } else if (state === "live" && reason === RESUMED) {
      const text = "The call goes on, and nothing of it was lost.";
      this.notices.say("call", { tone: "quiet", title: "The connection is back.", text });
    } else if (state === "live" && reason === MOVED) {
      const text = "Nothing of it was lost.";
      this.notices.say("call", { tone: "quiet", title: "The call has moved to another server.", text });
    } else if (state === "live" && this.call?.transport === "websocket") {
      const port = this.mediaPort();
      const text = `Sound goes over the WebSocket instead. For less delay, let UDP ${port ?? ""} through.`;
      this.notices.say("call", { tone: "quiet", title: "Media is blocked on this network.", text });
    } else if (state === "ended" && reason !== "hung up") {
      const text = `Reason: ${reason}.`;
      this.notices.say("call", { tone: "alarm", title: "The call was ended from the other side.", text });
    } else if (state !== "error") this.notices.say("call", null);
  }

  private hear(voice: MediaStream): void {
    this.audio.srcObject = voice;
    void this.audio.play().catch(() => undefined);
    this.stage?.hear("agent", voice);
  }

  private take(event: RealtimeEvent): void {
    this.events.push(event);
    if (this.events.length > MOST_EVENTS) this.events.shift();
    if (event.type === "response.done") {
      const { status } = event["response"] as { status: string };
      if (status === "cancelled") this.cuts++;
    }
    this.stage?.take(event);
    if (event.type === "talkover.state") {
      byTest<HTMLButtonElement>("interrupt").disabled = event["agent"] === "listening";
    }
    if (this.transcript.take(event, this.stage?.now)) this.view.show(this.transcript.entries);
  }

  private tellPolicy(policy: TurnPolicy): void {
    this.call?.send(update(policy));
  }

  private showPushed(down: boolean): void {
    const button = byTest("talk");
    button.toggleAttribute("data-down", down);
    button.textContent = down ? "Listening…" : "Hold to talk";
  }

  private showMute(muted: boolean): void {
    const button = byTest("mute");
    button.setAttribute("aria-pressed", String(muted));
    button.textContent = muted ? "Unmute" : "Mute";
    this.call?.mute(muted);
  }

  private async measure(): Promise<void> {
    if (!this.isLive || !this.call) return;
    const { way, figures, trouble } = verdict(await this.call.stats());
    if (!this.isLive) return;
    part("way").textContent = way;
    part("figures").textContent = figures.join(" · ");
    byTest("network").classList.toggle("bad", trouble !== "");
    if (trouble !== this.told) part("trouble").textContent = this.told = trouble;
  }
}
