/** Measures how loud streams are. `close` it; an open one keeps the audio device awake. */
export class Levels {
  private readonly context = new AudioContext();
  private readonly sides = new Map<string, { source: AudioNode; meter: AnalyserNode }>();
  private readonly samples = new Float32Array(1024);

  listen(side: string, stream: MediaStream): void {
    this.sides.get(side)?.source.disconnect();
    const meter = this.context.createAnalyser();
    meter.fftSize = this.samples.length;
    const source = this.context.createMediaStreamSource(stream);
    source.connect(meter);
    this.sides.set(side, { source, meter });
    void this.context.resume();
  }

  /** Root mean square of the last 20 ms, 0 to 1. */
  of(side: string): number {
    const meter = this.sides.get(side)?.meter;
    if (!meter) return 0;
    meter.getFloatTimeDomainData(this.samples);
    return Math.sqrt(this.samples.reduce((sum, value) => sum + value * value, 0) / this.samples.length);
  }

  close(): void {
    void this.context.close();
  }
}
