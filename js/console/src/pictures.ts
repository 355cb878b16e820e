import type { Call } from "../../client";
import { byTest, find, part } from "./dom";
import { release } from "./microphone";
import type { Notices } from "./notice";

type Source = "camera" | "screen";

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 10 } };
const NAMES: Record<Source, string> = { camera: "Your camera", screen: "Your screen" };

/** What the agent shows, and the camera or the screen that it may look at. */
export class Pictures {
  private readonly agents = byTest<HTMLVideoElement>("picture");
  private readonly own = byTest<HTMLVideoElement>("own-picture");
  private stream: MediaStream | null = null;
  private source: Source | null = null;

  constructor(
    private readonly call: () => Call | null,
    private readonly notices: Notices,
  ) {
    byTest("camera").onclick = () => void this.toggle("camera");
    byTest("screen").onclick = () => void this.toggle("screen");
    // There is a picture once the first has come.
    this.agents.onloadeddata = () => this.draw();
  }

  show(pictures: MediaStream): void {
    this.agents.srcObject = pictures;
    this.draw();
  }

  /** A call is live. */
  begin(): void {
    const films = this.call()?.films ?? false;
    for (const id of ["camera", "screen"]) {
      byTest<HTMLButtonElement>(id).disabled = !films;
      byTest(id).title = films ? "" : "Pictures need a connection over WebRTC.";
    }
    byTest("screen").hidden = !("getDisplayMedia" in (navigator.mediaDevices ?? {}));
  }

  end(): void {
    this.take(null, null);
    this.agents.srcObject = null;
    for (const id of ["camera", "screen"]) byTest<HTMLButtonElement>(id).disabled = true;
    this.draw();
  }

  private async toggle(source: Source): Promise<void> {
    const call = this.call();
    if (!call) return;
    try {
      const off = this.source === source;
      const stream = off ? null : await open(source);
      if (this.call() !== call || !call.films) return release(stream);
      await call.film(stream);
      this.take(off ? null : source, stream);
      this.notices.say("call", null);
    } catch (error) {
      this.notices.say("call", { tone: "alarm", ...advice(source, error) });
    }
  }

  private take(source: Source | null, stream: MediaStream | null): void {
    release(this.stream);
    this.stream = stream;
    this.source = source;
    this.own.srcObject = stream;
    for (const track of stream?.getVideoTracks() ?? []) {
      // The browser's own "stop sharing".
      track.onended = () => {
        if (this.stream === stream) void this.call()?.film(null).then(() => this.take(null, null));
      };
    }
    for (const id of ["camera", "screen"]) byTest(id).setAttribute("aria-pressed", String(id === source));
    part("own-picture-name").textContent = source ? NAMES[source] : "";
    this.draw();
  }

  private draw(): void {
    // A track that ends leaves a black picture behind.
    const live = (this.agents.srcObject as MediaStream | null)?.active ?? false;
    const shown = live && this.agents.videoWidth > 0;
    find("figure:has([data-testid=picture])").hidden = !shown;
    find("figure:has([data-testid=own-picture])").hidden = !this.stream;
    byTest("pictures").hidden = !shown && !this.stream;
  }
}

async function open(source: Source): Promise<MediaStream> {
  if (source === "camera") return navigator.mediaDevices.getUserMedia({ video: CAMERA });
  const screen = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 5 } });
  // What matters on a screen is what can be read.
  for (const track of screen.getVideoTracks()) track.contentHint = "detail";
  return screen;
}

function advice(source: Source, error: unknown): { title: string; text: string } {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") {
    return { title: `The ${source} is not shared.`, text: "Allow it when the browser asks, then try again." };
  }
  if (name === "NotFoundError") return { title: `There is no ${source}.`, text: "Plug one in, then try again." };
  return { title: `The ${source} does not open.`, text: error instanceof Error ? error.message : String(error) };
}
