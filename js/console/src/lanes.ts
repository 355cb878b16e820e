/** Levels of both sides on one time axis, and what happened to the agent's voice. */
export type Happening = "duck" | "hold" | "resume" | "cut";

interface Column {
  user: number;
  agent: number;
  level: "full" | "duck" | "hold";
  cut: boolean;
}

const SECONDS = 16;
const STEP_MS = 40;
const KEPT = (SECONDS * 1000) / STEP_MS;
const AUDIBLE = 0.03;

/** The last seconds, column by column. Pure. */
export class Timeline {
  readonly columns: Column[] = [];
  private level: Column["level"] = "full";
  private cut = false;

  happen(what: Happening): void {
    if (what === "cut") this.cut = true;
    this.level = what === "duck" ? "duck" : what === "hold" ? "hold" : "full";
  }

  push(user: number, agent: number): void {
    this.columns.push({ user, agent, level: this.level, cut: this.cut });
    this.cut = false;
    if (this.columns.length > KEPT) this.columns.shift();
  }
}

/** Both at once, as a listener would say. */
export function overlaps(column: Column): boolean {
  return column.user > AUDIBLE && column.agent > AUDIBLE;
}

/** Draws a timeline into a canvas until `stop`. */
export class Lanes {
  readonly timeline = new Timeline();
  private readonly context = new AudioContext();
  private user: AnalyserNode | null = null;
  private agent: AnalyserNode | null = null;
  private frame = 0;
  private last = 0;

  constructor(private readonly canvas: HTMLCanvasElement) {}

  listen(side: "user" | "agent", stream: MediaStream): void {
    const analyser = this.context.createAnalyser();
    analyser.fftSize = 1024;
    this.context.createMediaStreamSource(stream).connect(analyser);
    this[side] = analyser;
    void this.context.resume();
    if (!this.frame) this.tick(performance.now());
  }

  level(side: "user" | "agent"): number {
    return loudness(this[side]);
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    void this.context.close();
  }

  private tick = (now: number): void => {
    this.frame = requestAnimationFrame(this.tick);
    if (now - this.last < STEP_MS) return;
    this.last = now;
    this.timeline.push(loudness(this.user), loudness(this.agent));
    this.draw();
  };

  private draw(): void {
    const { canvas } = this;
    const scale = devicePixelRatio;
    const width = (canvas.width = canvas.clientWidth * scale);
    const height = (canvas.height = canvas.clientHeight * scale);
    const paint = canvas.getContext("2d");
    if (!paint) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const step = width / KEPT;
    const { columns } = this.timeline;
    const from = KEPT - columns.length;
    columns.forEach((column, n) => {
      const x = (from + n) * step;
      if (overlaps(column)) {
        paint.fillStyle = colour("--accent-soft");
        paint.fillRect(x, 0, step + 1, height);
      }
      const bar = Math.max(1.5 * scale, step * 0.62);
      paint.fillStyle = colour("--accent");
      stroke(paint, x, height * 0.27, bar, column.user, height * 0.2);
      paint.fillStyle = colour("--agent");
      paint.globalAlpha = column.level === "duck" ? 0.45 : column.level === "hold" ? 0.15 : 1;
      const shown = column.level === "hold" ? 0.25 : column.agent;
      stroke(paint, x, height * 0.75, bar, shown, height * 0.2);
      paint.globalAlpha = 1;
      if (column.cut) {
        paint.fillStyle = colour("--alarm");
        paint.fillRect(x, height * 0.52, 2 * scale, height * 0.46);
      }
    });
    paint.fillStyle = colour("--line");
    paint.fillRect(0, height / 2, width, scale);
  }
}

function stroke(
  paint: CanvasRenderingContext2D, x: number, middle: number, width: number, level: number, most: number,
): void {
  const tall = Math.max(width / 2, Math.min(1, level * 3.2) * most);
  paint.beginPath();
  paint.roundRect(x, middle - tall, width, tall * 2, width / 2);
  paint.fill();
}

function loudness(analyser: AnalyserNode | null): number {
  if (!analyser) return 0;
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
}
