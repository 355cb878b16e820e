import { STEP_MS, Timeline, type Caption, type Happening } from "./timeline";

const AXIS = 30;
const BAR = 0.58;
const WIDE = 700;
const NAMES: Record<Happening, string> = {
  duck: "duck", hold: "hold", resume: "goes on", cut: "cut", "mm-hm": "mm-hm",
};

interface Colours {
  user: string; agent: string; overlap: string; paper: string; ink: string; muted: string;
  line: string; sans: string;
}

/** Draws a timeline into a canvas, crisp at any pixel density: you above, the agent below. */
export class Lanes {
  /** `fade`: how much of the left the lanes' names need. */
  constructor(private readonly canvas: HTMLCanvasElement, private readonly fade = 200) {}

  /** `now` is the time at the right edge. */
  draw(timeline: Timeline, now: number): void {
    const { canvas } = this;
    const paint = canvas.getContext("2d");
    if (!paint || canvas.clientWidth === 0) return;
    const style = getComputedStyle(document.documentElement);
    // Drawn for a text of 16 pixels, and enlarged with it.
    const zoom = parseFloat(style.fontSize) / 16;
    const [width, height] = [canvas.clientWidth / zoom, canvas.clientHeight / zoom];
    const scale = devicePixelRatio * zoom;
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    paint.setTransform(scale, 0, 0, scale, 0, 0);
    paint.clearRect(0, 0, width, height);
    new Frame(paint, colours(style), width, height, now).draw(timeline, this.fade);
  }
}

/** One picture. Lengths are pixels of an unzoomed page. */
class Frame {
  private readonly step: number;
  private readonly half: number;

  constructor(
    private readonly paint: CanvasRenderingContext2D,
    private readonly colours: Colours,
    private readonly width: number,
    private readonly height: number,
    private readonly now: number,
  ) {
    this.step = width < WIDE ? 3 : 4.5;
    this.half = (height - AXIS) / 2;
  }

  draw(timeline: Timeline, fade: number): void {
    this.overlaps(timeline);
    this.axis();
    this.bars(timeline);
    this.cuts(timeline);
    this.captions(timeline.captions.filter((c) => c.side === "user"), 15);
    this.captions(timeline.captions.filter((c) => c.side === "agent"), this.height - 11);
    this.fade(Math.min(fade, this.width * 0.32));
    this.labels(timeline);
  }

  private x(at: number): number {
    return this.width - ((this.now - at) / STEP_MS) * this.step;
  }

  private overlaps(timeline: Timeline): void {
    const { paint } = this;
    paint.fillStyle = this.colours.overlap;
    for (const { from, to } of timeline.overlaps()) {
      const [left, right] = [this.x(from), this.x(to)];
      if (right > 0) paint.fillRect(left, 0, right - left, this.height);
    }
  }

  private axis(): void {
    const { paint, colours: c } = this;
    const [top, bottom] = [this.half, this.half + AXIS];
    paint.fillStyle = c.line;
    paint.fillRect(0, top, this.width, 1);
    paint.fillRect(0, bottom - 1, this.width, 1);
    paint.font = `500 11px ${c.sans}`;
    paint.textAlign = "center";
    paint.textBaseline = "middle";
    for (let s = Math.floor(this.now / 1000); s >= 0 && this.x(s * 1000) > -20; s--) {
      const x = Math.round(this.x(s * 1000));
      paint.fillStyle = c.line;
      paint.fillRect(x, top, 1, s % 2 ? 4 : 6);
      paint.fillRect(x, bottom - (s % 2 ? 4 : 6), 1, s % 2 ? 4 : 6);
      paint.fillStyle = c.muted;
      if (s % 2 === 0) paint.fillText(clock(s), x, top + AXIS / 2 + 0.5);
    }
  }

  private bars(timeline: Timeline): void {
    const { paint, colours: c, step } = this;
    const width = step * BAR;
    const [above, below] = [this.half / 2 + 6, this.half + AXIS + this.half / 2 - 6];
    const most = this.half / 2 - 16;
    timeline.columns.forEach((column, n) => {
      const x = this.x((timeline.first + n) * STEP_MS);
      if (x < -step) return;
      paint.globalAlpha = 1;
      paint.fillStyle = c.user;
      bar(paint, x, above, width, height(column.user) * most);
      paint.fillStyle = c.agent;
      if (column.level === "hold") {
        paint.globalAlpha = 0.55;
        if ((timeline.first + n) % 2) bar(paint, x, below, width, 1.2);
        return;
      }
      paint.globalAlpha = column.level === "duck" ? 0.5 : 1;
      bar(paint, x, below, width, height(column.agent) * most);
    });
    paint.globalAlpha = 1;
  }

  private cuts(timeline: Timeline): void {
    const { paint, colours: c } = this;
    for (const { steps } of timeline.episodes) {
      for (const { what, at } of steps) {
        if (what !== "cut") continue;
        const x = Math.round(this.x(at));
        paint.fillStyle = c.ink;
        paint.fillRect(x - 1, this.half + AXIS, 2, this.half);
      }
    }
  }

  /** What leaves the picture fades, so that the lanes' names stay readable. */
  private fade(wide: number): void {
    const { paint } = this;
    const fade = paint.createLinearGradient(0, 0, wide, 0);
    fade.addColorStop(0.55, "#000f");
    fade.addColorStop(1, "#0000");
    paint.globalCompositeOperation = "destination-out";
    paint.fillStyle = fade;
    for (const top of [0, this.half + AXIS]) paint.fillRect(0, top, wide, this.half);
    paint.globalCompositeOperation = "source-over";
  }

  private labels(timeline: Timeline): void {
    const { paint, colours: c } = this;
    paint.font = `600 11px ${c.sans}`;
    paint.textAlign = "left";
    paint.textBaseline = "middle";
    const middle = this.half + AXIS / 2;
    let free = -Infinity;
    for (const { at, steps } of timeline.episodes) {
      const text = steps.map(({ what }) => NAMES[what]).join(" › ");
      const wide = paint.measureText(text).width + 16;
      const cut = steps.at(-1)?.what === "cut";
      // A label that would leave the picture at its right edge waits there.
      const x = Math.max(free, Math.min(this.x(at), this.width - wide - 4));
      free = x + wide + 4;
      if (x + wide < 0) continue;
      paint.fillStyle = cut ? c.ink : c.paper;
      paint.beginPath();
      paint.roundRect(x, middle - 10, wide, 20, 10);
      paint.fill();
      paint.strokeStyle = cut ? c.ink : c.agent;
      paint.lineWidth = 1.25;
      paint.stroke();
      paint.fillStyle = cut ? c.paper : c.agent;
      paint.fillText(text, x + 8, middle + 0.5);
    }
  }

  private captions(captions: Caption[], y: number): void {
    const { paint, colours: c } = this;
    paint.font = `400 11.5px ${c.sans}`;
    paint.textAlign = "left";
    paint.textBaseline = "middle";
    paint.fillStyle = c.muted;
    let free = -Infinity;
    for (const { at, text } of captions) {
      const wanted = this.x(at);
      // Counted from a fixed start, or words would jump as their neighbours leave the picture.
      const x = Math.max(wanted, free);
      const wide = paint.measureText(text).width;
      if (x - wanted > 90) continue;
      free = x + wide + 4;
      if (free > 0 && x < this.width) paint.fillText(text, x, y);
    }
  }
}

function bar(paint: CanvasRenderingContext2D, x: number, y: number, width: number, half: number): void {
  const tall = Math.max(half, 0.75);
  paint.beginPath();
  paint.roundRect(x, y - tall, width, 2 * tall, width / 2);
  paint.fill();
}

/** Loudness as the eye expects it: soft speech is well visible, a shout is not cut off. */
function height(level: number): number {
  return 1 - Math.exp(-6 * level);
}

export function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function colours(style: CSSStyleDeclaration): Colours {
  const of = (name: string) => style.getPropertyValue(name).trim();
  return {
    user: of("--ink"), agent: of("--accent"), overlap: of("--overlap"), paper: of("--card"),
    ink: of("--ink"), muted: of("--muted"), line: of("--line"), sans: of("--sans"),
  };
}
