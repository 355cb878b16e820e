/** Both ways of sound at the wire's 24 kHz. */
const WIRE = 24000;
const FADE = 120;

/** Hands on the microphone's samples, 40 ms at a time, from whatever rate it has. */
class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.kept = new Float32Array(960);
    this.filled = this.phase = this.sum = this.count = 0;
  }

  process([input]) {
    for (const sample of input[0] ?? []) {
      this.sum += sample;
      this.count++;
      this.phase += WIRE;
      while (this.phase >= sampleRate) {
        this.phase -= sampleRate;
        this.keep(this.count ? this.sum / this.count : sample);
        this.sum = this.count = 0;
      }
    }
    return true;
  }

  keep(sample) {
    this.kept[this.filled++] = sample;
    if (this.filled < this.kept.length) return;
    this.port.postMessage(this.kept.slice());
    this.filled = 0;
  }
}

/** Plays what is pushed, at a level that can fall at once: duck, hold, go on, flush. */
class Voice extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = [];
    this.at = 0;
    this.level = this.wanted = 1;
    this.port.onmessage = ({ data }) => {
      if (data.pcm) this.queue.push(data.pcm);
      else if (data.flush) this.flush();
      else this.wanted = data.level;
    };
  }

  process(_, [output]) {
    const out = output[0];
    for (let n = 0; n < out.length; n++) {
      this.level += (this.wanted - this.level) * 0.03;
      if (this.wanted === 0 && this.level < 0.001) break;
      out[n] = this.level * this.next();
    }
    return true;
  }

  next() {
    const [head] = this.queue;
    if (!head) return 0;
    const sample = head[this.at++];
    if (this.at === head.length) {
      this.queue.shift();
      this.at = 0;
    }
    return sample;
  }

  flush() {
    const last = (this.queue[0] ?? new Float32Array(0)).slice(this.at, this.at + FADE);
    this.queue = last.length > 0 ? [last.map((value, n) => value * (1 - n / last.length))] : [];
    this.at = 0;
    this.wanted = 1;
  }
}

registerProcessor("capture", Capture);
registerProcessor("voice", Voice);
