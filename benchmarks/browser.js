// What the benchmark knows of the sound itself, beside and without the client: when bursts were captured, and when the
// page's own sound was played. Runs before the page's scripts; instants are wall time in ms.

(() => {
  const LOUD = 0.25;
  const AUDIBLE = 0.003;
  const QUIET_MS = 200;
  const wallMs = () => performance.timeOrigin + performance.now();

  /** Onsets of bursts, in ms of the microphone's audio; its beginning is `originMs`. */
  const microphone = { originMs: Infinity, onsetsMs: [] };
  /** The first sample that can be heard after a silence. */
  const played = [];
  window.bench = { microphone, played, wallMs };

  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await ask(constraints);
    void listen(stream.getAudioTracks()[0].clone());
    return stream;
  };

  async function listen(track) {
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    let heard = 0;
    let loudMs = -Infinity;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const arrivedMs = wallMs();
      const samples = new Float32Array(value.numberOfFrames);
      value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      const perMs = value.sampleRate / 1000;
      value.close();
      samples.forEach((sample, at) => {
        if (Math.abs(sample) < LOUD) return;
        const ms = (heard + at) / perMs;
        if (ms - loudMs > QUIET_MS) microphone.onsetsMs.push(ms);
        loudMs = ms;
      });
      heard += samples.length;
      // A block cannot arrive before its last sample was captured: the quickest one tells when the audio began.
      microphone.originMs = Math.min(microphone.originMs, arrivedMs - heard / perMs);
    }
  }

  const TAP = `registerProcessor("tap", class extends AudioWorkletProcessor {
    process([[samples]], [[out]]) {
      if (!samples) return true;
      out.set(samples);
      const at = samples.findIndex((sample) => Math.abs(sample) > ${AUDIBLE});
      if (at >= 0) this.port.postMessage((currentFrame + at) / sampleRate);
      return true;
    }
  });`;

  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    if (!(to instanceof AudioDestinationNode && this instanceof AudioWorkletNode)) return connect.call(this, to, ...rest);
    const { context } = this;
    void context.audioWorklet.addModule(URL.createObjectURL(new Blob([TAP], { type: "text/javascript" }))).then(() => {
      const tap = new AudioWorkletNode(context, "tap", { outputChannelCount: [1], channelCount: 1 });
      let last = -Infinity;
      tap.port.onmessage = ({ data: seconds }) => {
        if (seconds - last > QUIET_MS / 1000) {
          const { contextTime, performanceTime } = context.getOutputTimestamp();
          played.push(performance.timeOrigin + performanceTime + (seconds - contextTime) * 1000);
        }
        last = seconds;
      };
      connect.call(this, tap);
      connect.call(tap, to);
    });
    return to;
  };
})();
