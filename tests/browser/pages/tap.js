// Before the page's own scripts: whatever it plays also goes through a tap in the audio thread.

(() => {
  const connect = AudioNode.prototype.connect;
  /** Blocks with a sound in them: {frame, peak, samples}. */
  window.tapped = [];
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode && this instanceof AudioWorkletNode) {
      window.tapContext = this.context;
      this.context.audioWorklet.addModule("/tests/browser/pages/tap-worklet.js").then(() => {
        const tap = new AudioWorkletNode(this.context, "tap", { outputChannelCount: [1], channelCount: 1 });
        tap.port.onmessage = ({ data }) => window.tapped.push(data);
        connect.call(this, tap);
        connect.call(tap, to);
        window.tapReady = true;
      });
      return to;
    }
    return connect.call(this, to, ...rest);
  };
})();
