const PIECE = 2048;

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.begin();
  }

  begin() {
    this.pieces = [new Int16Array(PIECE), new Int16Array(PIECE)];
    this.filled = 0;
  }

  process(inputs) {
    const silence = new Float32Array(128);
    inputs.forEach(([mono = silence], side) => {
      mono.forEach((value, n) => {
        this.pieces[side][this.filled + n] = Math.max(-1, Math.min(1, value)) * 32767;
      });
    });
    this.filled += silence.length;
    if (this.filled === PIECE) {
      this.port.postMessage(this.pieces);
      this.begin();
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
