// Runs in the page: what its microphone hears and what the agent says, each block with the time at
// which its track had it. (An AudioContext would do for both, with a queue for each that grows.)
({ rate }) => {
  const voice = document.querySelector("audio").srcObject;
  const sides = [[], []];
  const begun = performance.now();
  const record = async (track, side) => {
    const { readable } = new MediaStreamTrackProcessor({ track, maxBufferSize: 500 });
    for await (const block of readable) {
      const sound = new Float32Array(block.numberOfFrames);
      block.copyTo(sound, { planeIndex: 0, format: "f32-planar" });
      const step = block.sampleRate / rate;
      const pcm = Int16Array.from({ length: sound.length / step }, (_, n) => {
        const part = sound.subarray(n * step, (n + 1) * step);
        return Math.max(-1, Math.min(1, part.reduce((sum, value) => sum + value) / step)) * 32767;
      });
      sides[side].push({ seconds: block.timestamp / 1e6, pcm });
      block.close();
    }
  };
  [talkover.microphone, voice].forEach((stream, side) => {
    void record(stream.getAudioTracks()[0], side);
  });
  window.bench = { sides, seconds: () => (performance.now() - begun) / 1000 };
}
