/** PCM as the wire has it: signed 16-bit little-endian, in base64. */
export function encode(samples: Float32Array): string {
  const bytes = new Uint8Array(samples.length * 2);
  const view = new DataView(bytes.buffer);
  samples.forEach((value, n) => {
    view.setInt16(n * 2, Math.round(Math.max(-1, Math.min(1, value)) * 32767), true);
  });
  return base64(bytes);
}

export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
}

export function decode(base64: string): Float32Array<ArrayBuffer> {
  const text = atob(base64);
  const samples = new Float32Array(text.length >> 1);
  for (let n = 0; n < samples.length; n++) {
    const value = text.charCodeAt(2 * n) | (text.charCodeAt(2 * n + 1) << 8);
    samples[n] = (value >= 32768 ? value - 65536 : value) / 32768;
  }
  return samples;
}
