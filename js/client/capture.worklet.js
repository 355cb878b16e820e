/** Hands on the microphone's samples, about 40 ms at a time. */
class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.kept = new Float32Array(960);
    this.filled = 0;
  }

  process([input]) {
    const samples = input[0];
    if (!samples) return true;
    for (const sample of samples) {
      this.kept[this.filled++] = sample;
      if (this.filled === this.kept.length) {
        this.port.postMessage(this.kept.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
