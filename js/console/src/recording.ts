import { levels, picture, readBundle, type Bundle, type Decision, type Turn } from "./bundle";
import { copyButton, find, node } from "./dom";
import { Lanes, clock } from "./lanes";
import { TranscriptView } from "./show";
import { Transcript } from "./transcript";

/** Enough for speech, and half the memory of the device's rate. */
const RATE = 24_000;
const DECIDED: Record<Decision["decision"], string> = {
  commit: "turn over", discard: "no turn", interrupt: "cancelled", resume: "resumed",
};

/** Opens recorded calls that are dropped on the page, or chosen; `fail` is told what is wrong. */
export function openRecordings(fail: (text: string) => void): void {
  const open = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    try {
      const bundle = await readBundle(file);
      await new Recording(bundle).show();
    } catch (error) {
      fail(`${file.name} cannot be opened: ${error instanceof Error ? error.message : String(error)}.`);
    }
  };
  addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    void open(event.dataTransfer?.files[0]);
  });
  const input = node("input");
  input.type = "file";
  input.accept = ".talkover";
  input.hidden = true;
  input.dataset["testid"] = "recording-file";
  input.onchange = () => void open(input.files?.[0]).then(() => (input.value = ""));
  const button = node("button", "link", "Open a recorded call");
  button.onclick = () => input.click();
  find(".switch").after(button, input);
}

/** One recorded call in a dialog: both voices, lanes, transcript, decisions. */
class Recording {
  private readonly context = new AudioContext({ sampleRate: RATE });
  private readonly dialog = node("dialog", "recording");
  private readonly canvas = node("canvas");
  private readonly lanes = new Lanes(this.canvas);
  private readonly play = node("button", "strong", "Play");
  private readonly seek = node("input");
  private readonly time = node("output");
  private voices: AudioBuffer[] = [];
  private loudness: Float32Array[] = [];
  private sources: AudioBufferSourceNode[] = [];
  private at = 0;
  private startedAt = 0;
  private frame = 0;

  constructor(private readonly bundle: Bundle) {}

  async show(): Promise<void> {
    const { user, agent } = this.bundle;
    const decode = async (blob: Blob) => this.context.decodeAudioData(await blob.arrayBuffer());
    this.voices = await Promise.all([user, agent].map(decode));
    this.loudness = this.voices.map((voice) => levels(voice.getChannelData(0), RATE));
    this.build();
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.draw();
  }

  private build(): void {
    const { about, turns, facts } = this.bundle;
    const { dialog, canvas, play, seek } = this;
    dialog.dataset["testid"] = "recording";
    dialog.setAttribute("aria-label", "A recorded call");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Two lanes of sound on one time axis: the user above, the agent below");
    Object.assign(seek, { type: "range", min: "0", max: String(about.seconds), step: "0.01", value: "0" });
    seek.setAttribute("aria-label", "Time in the call");
    seek.oninput = () => this.go(Number(seek.value));
    play.onclick = () => (this.sources.length ? this.pause() : this.start());
    const close = node("button", "", "Close");
    close.onclick = () => dialog.close();
    dialog.onclose = () => this.close();
    const list = node("ol", "transcript");
    list.tabIndex = 0;
    const transcript = new Transcript();
    for (const { ms, event } of facts) transcript.take(event, ms);
    new TranscriptView(list, node("div")).show(transcript.entries);
    const began = new Date(about.began).toLocaleString();
    const title = node("h2", "", `${about.agent || "A call"}, ${began}, ${clock(about.seconds)}`);
    const turnList = node("ol", "decisions", ...turns.map((turn) => this.turn(turn)));
    turnList.setAttribute("aria-label", "Decisions");
    dialog.append(
      node("header", "", title, close),
      node("figure", "lanes", canvas),
      node("div", "controls", play, seek, this.time),
      node("div", "columns", list, turnList),
    );
  }

  private turn(turn: Turn): HTMLElement {
    const rows = turn.decisions.map(({ at, decision, why }) => {
      const jump = node("button", "link", `${at.toFixed(3)} s`);
      jump.onclick = () => this.go(at);
      return node("p", "", jump, " ", node("b", "", DECIDED[decision]), `: ${why}`);
    });
    const head = node("p", "hint", `Turn ${turn.turn}, ${turn.at.toFixed(3)} s `, copyButton("Copy as test", () => turn.test));
    const item = node("li", "", head, ...rows);
    item.dataset["testid"] = "decisions-of-turn";
    return item;
  }

  private get now(): number {
    const played = this.sources.length ? this.context.currentTime - this.startedAt : 0;
    return Math.min(this.at + played, this.bundle.about.seconds);
  }

  private start(): void {
    if (this.at >= this.bundle.about.seconds) this.at = 0;
    void this.context.resume();
    this.startedAt = this.context.currentTime;
    this.sources = this.voices.map((buffer) => {
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      source.connect(this.context.destination);
      source.start(this.startedAt, this.at);
      return source;
    });
    this.play.textContent = "Pause";
    this.tick();
  }

  private pause(): void {
    this.at = this.now;
    for (const source of this.sources) source.stop();
    this.sources = [];
    cancelAnimationFrame(this.frame);
    this.play.textContent = "Play";
  }

  private go(at: number): void {
    const playing = this.sources.length > 0;
    this.pause();
    this.at = at;
    this.draw();
    if (playing) this.start();
  }

  private readonly tick = (): void => {
    this.draw();
    if (this.now >= this.bundle.about.seconds) return this.pause();
    this.frame = requestAnimationFrame(this.tick);
  };

  private draw(): void {
    const { now, loudness } = this;
    const [user, agent] = loudness;
    if (!user || !agent) return;
    this.lanes.draw(picture(this.bundle.facts, user, agent, now * 1000), now * 1000);
    this.seek.value = String(now);
    this.time.textContent = `${now.toFixed(2)} s`;
  }

  private close(): void {
    this.pause();
    void this.context.close();
    this.dialog.remove();
  }
}
