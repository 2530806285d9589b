registerProcessor(
  "tap",
  class extends AudioWorkletProcessor {
    process([[samples]], [[out]]) {
      if (!samples) return true;
      out.set(samples);
      if (samples.some((sample) => sample !== 0)) this.port.postMessage({ frame: currentFrame, samples: samples.slice() });
      return true;
    }
  },
);
