// What can go wrong, in sentences for a person.

/** @type {Record<string, [title: string, advice: string]>} */
const OWN = {
  insecure_context: [
    "This page may not use the microphone",
    "Browsers allow it only on secure pages. Open the address that begins with https://, or use localhost.",
  ],
  browser_unsupported: [
    "This browser cannot hold a voice conversation",
    "Update it, or use a current Chrome, Edge, Firefox or Safari.",
  ],
  microphone_refused: [
    "The microphone is not allowed",
    "Allow it for this page: click the icon beside the address, or look into the system's privacy settings. Then start again.",
  ],
  microphone_missing: ["No microphone was found", "Connect one, then start again. You can also type."],
  microphone_busy: [
    "The microphone is in use",
    "Another program may hold it. Close that program, or choose another microphone.",
  ],
  microphone_failed: ["The microphone could not be opened", "Choose another microphone, or reload the page."],
  microphone_unplugged: [
    "The microphone is gone",
    "Connect it again, or choose another one. The conversation goes on when there is one.",
  ],
  microphone_changed: ["Another microphone is in use now", "The one before was unplugged."],
  microphone_muted: ["The system has muted the microphone", "Look for a mute key on the keyboard or the headset."],
  audio_blocked: ["The browser holds the sound back", "Click anywhere on the page."],
  route_unsupported: ["This browser cannot send audio that way", "Choose another route, or “auto”."],
  connection_failed: ["The server cannot be reached", "Check the connection and the address, then start again."],
  connection_lost: ["The connection is lost", "It was tried again and again. Check the network, then start again."],
};

/** @type {Record<string, [title: string, advice: string]>} */
const TOLD = {
  unauthorized: ["The server does not let you in", "The access token is missing, wrong or expired. Ask for a new link."],
  server_full: ["All lines are busy", "Try again in a moment."],
  idle_timeout: ["The conversation was closed", "Nothing was said for a long time. Start again when you like."],
  overloaded: ["The server is slow", "Some of what you said may be missing."],
  stt_failed: ["That was not understood", "Please say it again."],
  llm_failed: ["No answer came", "Please ask again."],
  tts_failed: ["The answer could not be spoken", "It can still be read."],
};

/** Something a person should know: what happened (`title`) and what to do (`advice`). `code` is stable. */
export class Problem extends Error {
  /**
   * @param {string} code
   * @param {{title?: string, advice?: string, fatal?: boolean, detail?: string}} [more] `detail` is for the log
   */
  constructor(code, { title, advice, fatal = false, detail = "" } = {}) {
    const [ownTitle, ownAdvice] = OWN[code] ?? TOLD[code] ?? ["Something went wrong", "Try again."];
    super(title ?? ownTitle);
    this.name = "Problem";
    this.code = code;
    this.title = title ?? ownTitle;
    this.advice = advice ?? ownAdvice;
    this.fatal = fatal;
    this.detail = detail;
  }

  /**
   * From the server's `error`: its code, in our words where we have some, its own where not.
   *
   * @param {import("../voicewire/types.js").Error} error
   */
  static told({ code, message, fatal = false }) {
    const sentence = `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.!?]$/.test(message) ? "" : "."}`;
    return new Problem(code, code in TOLD ? { fatal, detail: message } : { advice: sentence, fatal, detail: message });
  }

  /** From what `getUserMedia` threw. @param {unknown} error */
  static ofMicrophone(error) {
    const name = error instanceof DOMException || error instanceof Error ? error.name : "";
    const detail = error instanceof Error ? error.message : String(error);
    const code =
      { NotAllowedError: "microphone_refused", SecurityError: "microphone_refused", NotFoundError: "microphone_missing",
        NotReadableError: "microphone_busy", AbortError: "microphone_busy" }[name] ?? "microphone_failed";
    return new Problem(code, { fatal: true, detail });
  }

  /** The same, for a session that goes on. */
  notFatal() {
    return new Problem(this.code, { ...this.toJSON(), fatal: false });
  }

  /** What crosses to another thread. */
  toJSON() {
    const { code, title, advice, fatal, detail } = this;
    return { code, title, advice, fatal, detail };
  }
}
