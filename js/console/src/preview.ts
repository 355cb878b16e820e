import { Levels } from "../../client";
import { byTest, part } from "./dom";
import { isAllowed, openMicrophone, release, type Wishes } from "./microphone";

const EVERY_MS = 60;

/** The microphone's meter before the call; it opens by itself only where that was allowed before. */
export class Preview {
  private stream: MediaStream | null = null;
  private levels: Levels | null = null;
  private timer = 0;

  constructor(private readonly wishes: () => Wishes, private readonly failed: (error: unknown) => void) {
    byTest("check-microphone").onclick = () => void this.open();
  }

  get isOpen(): boolean {
    return this.stream !== null;
  }

  async openIfAllowed(): Promise<void> {
    if (await isAllowed()) await this.open();
  }

  async open(): Promise<void> {
    this.close();
    try {
      this.stream = await openMicrophone(this.wishes());
    } catch (error) {
      this.failed(error);
      return;
    }
    this.levels = new Levels();
    this.levels.listen("user", this.stream);
    part("microphone-name").textContent = this.stream.getAudioTracks()[0]?.label ?? "";
    this.show(true);
    this.timer = window.setInterval(() => this.measure(), EVERY_MS);
  }

  /** Hands the open microphone on to a call. */
  take(): MediaStream | null {
    const stream = this.stream;
    this.stream = null;
    this.close();
    return stream;
  }

  close(): void {
    clearInterval(this.timer);
    release(this.stream);
    this.levels?.close();
    this.stream = this.levels = null;
    this.show(false);
    this.paint(0);
  }

  private measure(): void {
    this.paint(Math.min(1, (this.levels?.of("user") ?? 0) * 5) ** 0.6);
  }

  private paint(level: number): void {
    part("level").style.clipPath = `inset(0 ${100 - level * 100}% 0 0)`;
    byTest("meter").setAttribute("aria-valuenow", String(Math.round(level * 100)));
  }

  private show(open: boolean): void {
    byTest("check-microphone").hidden = open;
    part("microphone-name").hidden = !open;
  }
}
