// Where the link lives: in a Worker where that helps, otherwise in the page.

/** @typedef {import("./link.js").LinkCommand} LinkCommand */
/** @typedef {import("./link.js").LinkEvent} LinkEvent */

const LOADING_MS = 5_000;
/** The socket says goodbye before its thread ends. */
const GOODBYE_MS = 500;

/**
 * In Chromium a Worker that is fed by the audio thread goes on while the page is blocked. In Firefox and WebKit it was
 * measured to make no difference there, and this feature of Chromium's tells them apart.
 */
export function workerHelps() {
  return typeof Worker !== "undefined" && "MediaStreamTrackProcessor" in globalThis;
}

/** The page's end of a link. */
export class LinkHost {
  #port;
  #worker;
  /** @type {(event: LinkEvent) => void} */
  onevent = () => {};

  /**
   * @param {Worker | MessagePort} port
   * @param {"worker" | "main"} thread
   */
  constructor(port, thread) {
    this.#port = port;
    this.#worker = port instanceof MessagePort ? null : port;
    this.thread = thread;
    port.onmessage = ({ data }) => this.onevent(data);
  }

  /**
   * @param {"auto" | "worker" | "main"} thread
   * @returns {Promise<LinkHost>}
   */
  static async open(thread) {
    if (thread === "worker" || (thread === "auto" && workerHelps())) {
      const worker = await loadWorker();
      if (worker) return new LinkHost(worker, "worker");
    }
    const { Link } = await import("./link.js");
    const { port1, port2 } = new MessageChannel();
    new Link(port2);
    return new LinkHost(port1, "main");
  }

  /**
   * @param {LinkCommand} command
   * @param {Transferable[]} [transfer]
   */
  post(command, transfer = []) {
    this.#port.postMessage(command, transfer);
  }

  /** Nothing is told any more. */
  close() {
    this.onevent = () => {};
    setTimeout(() => {
      this.#worker?.terminate();
      if (this.#port instanceof MessagePort) this.#port.close();
    }, GOODBYE_MS);
  }
}

/** A Worker has its page's origin: where this module has another, one of the page's own imports the rest. */
function workerUrl() {
  const url = new URL("./link-worker.js", import.meta.url);
  if (url.origin === location.origin) return url;
  return URL.createObjectURL(new Blob([`import ${JSON.stringify(url.href)};`], { type: "text/javascript" }));
}

/** Null where the page's content security policy forbids it. @returns {Promise<Worker | null>} */
function loadWorker() {
  return new Promise((resolve) => {
    /** @type {Worker} */
    let worker;
    try {
      worker = new Worker(workerUrl(), { type: "module" });
    } catch {
      resolve(null);
      return;
    }
    const give = (/** @type {Worker | null} */ result) => {
      clearTimeout(timer);
      worker.onerror = null;
      if (!result) worker.terminate();
      resolve(result);
    };
    const timer = setTimeout(() => give(null), LOADING_MS);
    worker.onerror = () => give(null);
    worker.onmessage = () => give(worker);
  });
}
