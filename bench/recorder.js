// Runs in the page: what its microphone hears and what the agent says, side by side on the clock of
// one AudioContext.
async ({ rate, worklet }) => {
  const context = new AudioContext({ sampleRate: rate });
  const script = URL.createObjectURL(new Blob([worklet], { type: "text/javascript" }));
  await context.audioWorklet.addModule(script);
  const recorder = new AudioWorkletNode(context, "recorder", { numberOfInputs: 2, numberOfOutputs: 0 });
  const voice = document.querySelector("audio").srcObject;
  [talkover.microphone, voice].forEach((stream, side) => {
    context.createMediaStreamSource(stream).connect(recorder, 0, side);
  });
  const sides = [[], []];
  window.bench = { seconds: 0, sides, state: () => context.state };
  recorder.port.onmessage = ({ data }) => {
    data.forEach((samples, side) => sides[side].push(samples));
    window.bench.seconds += data[0].length / rate;
  };
  await context.resume();
}
