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
  /**
   * All of the audio, where `keeps` was set before there was any: pieces of what was captured, given to the client's
   * playback and played, and what tells when they were.
   */
  const kept = { microphone: [], arrivals: [], given: [], output: [], instants: [] };
  window.bench = { microphone, played, wallMs, keeps: false, take };

  /** What was kept so far, as JSON can carry it. */
  async function take() {
    const [heard, given, output] = [kept.microphone.slice(), kept.given.slice(), kept.output.slice()];
    return {
      microphone: { rate: heard[0].rate, samples: await packed(heard), arrivals: kept.arrivals.slice(0, heard.length) },
      given: { turns: given.map(({ turnId, samples }) => [turnId, samples.length]), samples: await packed(given) },
      output: {
        frames: output.map(({ frame }) => frame),
        samples: await packed(output),
        instants: kept.instants.slice(),
      },
    };
  }

  /** Floats in base64. */
  function packed(pieces) {
    return new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
      reader.readAsDataURL(new Blob(pieces.map(({ samples }) => samples)));
    });
  }

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
      const rate = value.sampleRate;
      const perMs = rate / 1000;
      value.close();
      samples.forEach((sample, at) => {
        if (Math.abs(sample) < LOUD) return;
        const ms = (heard + at) / perMs;
        if (ms - loudMs > QUIET_MS) microphone.onsetsMs.push(ms);
        loudMs = ms;
      });
      heard += samples.length;
      if (window.bench.keeps) {
        kept.microphone.push({ rate, samples });
        kept.arrivals.push([heard, arrivedMs]);
      }
      // A block cannot arrive before its last sample was captured: the quickest one tells when the audio began.
      microphone.originMs = Math.min(microphone.originMs, arrivedMs - heard / perMs);
    }
  }

  const TAP = `registerProcessor("tap", class extends AudioWorkletProcessor {
    piece = new Float32Array(32 * 128);
    filled = 0;
    constructor({ processorOptions: { keeps } }) {
      super();
      this.keeps = keeps;
    }
    keep(samples) {
      this.piece.set(samples, this.filled);
      this.filled += samples.length;
      if (this.filled < this.piece.length) return;
      const frame = currentFrame + samples.length - this.filled;
      this.port.postMessage({ frame, samples: this.piece.slice() });
      this.filled = 0;
    }
    process([[samples]], [[out]]) {
      if (!samples) return true;
      out.set(samples);
      if (this.keeps) {
        this.keep(samples);
        return true;
      }
      const at = samples.findIndex((sample) => Math.abs(sample) > ${AUDIBLE});
      if (at >= 0) this.port.postMessage((currentFrame + at) / sampleRate);
      return true;
    }
  });`;

  /** Tells on the node's own port what playback is given through the other one. */
  const GIVEN = `const register = registerProcessor;
  globalThis.registerProcessor = (name, Processor) => register(name, name !== "voicewire-playback" ? Processor :
    class extends Processor {
      constructor(options) {
        super(options);
        const begin = this.port.onmessage;
        this.port.onmessage = (event) => {
          begin(event);
          const { port } = event.data;
          const obey = port.onmessage;
          port.onmessage = (command) => {
            const { type, turnId, samples } = command.data;
            if (type === "audio") this.port.postMessage({ turnId, samples: samples.slice() });
            obey(command);
          };
        };
      }
    });`;

  const addModule = Worklet.prototype.addModule;
  Worklet.prototype.addModule = async function (url, ...rest) {
    if (window.bench.keeps && String(url).endsWith("playback-worklet.js")) await addModule.call(this, moduleOf(GIVEN));
    return addModule.call(this, url, ...rest);
  };

  function moduleOf(text) {
    return URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  }

  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    if (!(to instanceof AudioDestinationNode && this instanceof AudioWorkletNode)) return connect.call(this, to, ...rest);
    const { context } = this;
    if (window.bench.keeps) this.port.onmessage = ({ data }) => kept.given.push(data);
    void context.audioWorklet.addModule(moduleOf(TAP)).then(() => {
      const processorOptions = { keeps: window.bench.keeps };
      const tap = new AudioWorkletNode(context, "tap", { outputChannelCount: [1], channelCount: 1, processorOptions });
      let last = -Infinity;
      tap.port.onmessage = ({ data }) => {
        if (window.bench.keeps) {
          kept.output.push(data);
          const { contextTime, performanceTime } = context.getOutputTimestamp();
          kept.instants.push([contextTime * 1000, performance.timeOrigin + performanceTime]);
          return;
        }
        const seconds = data;
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
