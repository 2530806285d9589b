// The sound of one call at a time.

/** Bytes of a text in base64. @param {string} text */
export function bytesOf(text) {
  return Uint8Array.from(atob(text.trim()), (char) => char.charCodeAt(0));
}

export class Player {
  /** @param {() => void} changed Called when it plays, stops, or is elsewhere. */
  constructor(changed) {
    this.changed = changed;
    this.audio = document.createElement("audio");
    this.audio.id = "audio";
    /** Why it does not play. */
    this.problem = "";
    this.url = "";
    for (const event of ["play", "pause", "ended", "seeked", "loadedmetadata"]) this.audio.addEventListener(event, changed);
    this.audio.addEventListener("error", () => {
      const isUnknown = this.audio.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED;
      if (this.url) this.problem = isUnknown ? "This browser cannot play WebM Opus." : "The sound cannot be played here.";
      changed();
    });
    document.body.append(this.audio);
  }

  /** @param {string | null} id Of the element that holds the sound. */
  load(id) {
    this.audio.pause();
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = "";
    this.problem = "";
    const held = id === null ? null : document.getElementById(id);
    if (held) {
      this.url = URL.createObjectURL(new Blob([bytesOf(held.textContent ?? "")], { type: "audio/webm" }));
      this.audio.src = this.url;
    } else {
      this.audio.removeAttribute("src");
    }
  }

  get atMs() {
    return this.audio.currentTime * 1000;
  }

  get isPlaying() {
    return !this.audio.paused && !this.audio.ended;
  }

  /** @param {number} tMs */
  seek(tMs) {
    this.audio.currentTime = Math.max(0, tMs / 1000);
    this.changed();
  }

  play() {
    this.audio.play().catch(() => this.changed());
  }

  toggle() {
    if (this.isPlaying) this.audio.pause();
    else this.play();
    this.changed();
  }
}
