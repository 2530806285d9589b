// The client without a page around it: the tests look at what it tells.

import { nowMs, Problem, VoiceClient } from "/web/voicewire.js";

const EVENTS = ["state", "message", "sent", "problem", "devices", "playback", "mark", "stats", "reconnecting"];

/** `frame` is where the audio graph was by then, if a tap listens. @type {{type: string, atMs: number, frame: number, detail: any}[]} */
const events = [];

Object.assign(window, {
  VoiceClient,
  nowMs,
  events,
  /** Prepare a client; a click on the button starts it, or connects it without a microphone. */
  prepare({ microphone = true, ...options }) {
    const client = new VoiceClient(options);
    window.client = client;
    window.started = null;
    for (const type of EVENTS) {
      client.addEventListener(type, ({ detail }) => {
        const told = detail instanceof Problem ? detail.toJSON() : structuredClone(detail);
        const frame = Math.round((window.tapContext?.currentTime ?? 0) * 48_000);
        events.push({ type, atMs: nowMs(), frame, detail: told });
      });
    }
    document.querySelector("#start").onclick = () => {
      (microphone ? client.start() : client.connect()).then(
        (ready) => (window.started = { ready }),
        (problem) => (window.started = { problem: problem.toJSON?.() ?? String(problem.stack) }),
      );
    };
  },
  /** Wait until a condition is true, and return it. */
  async until(condition, text, timeoutMs) {
    const giveUpMs = nowMs() + timeoutMs;
    for (;;) {
      const value = condition();
      if (value) return value;
      if (nowMs() > giveUpMs) throw new Error(`never: ${text}; last events ${JSON.stringify(events.filter(({ type }) => type !== "stats").slice(-12))}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  /** Block the main thread for so long, each second. */
  block(ms) {
    setInterval(() => {
      const until = performance.now() + ms;
      while (performance.now() < until);
    }, 1000);
  },
});
window.loaded = true;
