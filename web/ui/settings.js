// The settings: microphone, language, voice, how one talks.

import { byId, element, mark, write } from "./element.js";
import { locales } from "./languages.js";
import { isNamed } from "./voices.js";

/** @typedef {import("./preferences.js").Preferences} Preferences */

export class Settings {
  /** @param {{change: (changed: Partial<Preferences>) => void, microphones: () => Promise<{deviceId: string, label: string}[]>}} options */
  constructor({ change, microphones }) {
    this.change = change;
    this.microphones = microphones;
    this.dialog = byId("settings", HTMLDialogElement);
    this.microphone = byId("microphone", HTMLSelectElement);
    this.microphoneNote = byId("microphone-note", HTMLElement);
    this.locale = byId("locale", HTMLSelectElement);
    this.voice = byId("voice", HTMLInputElement);
    this.voiceNote = byId("voice-note", HTMLElement);
    /** @type {readonly string[]} */
    this.voices = [];
    this.voiceList = byId("voices", HTMLDataListElement);
    this.clientVad = byId("client-vad", HTMLInputElement);
    this.modes = /** @type {NodeListOf<HTMLInputElement>} */ (this.dialog.querySelectorAll("input[name=mode]"));
    this.microphone.addEventListener("change", () => change({ deviceId: this.microphone.value }));
    this.locale.addEventListener("change", () => change({ locale: this.locale.value }));
    this.voice.addEventListener("change", () => change({ voice: this.voice.value.trim() || null }));
    this.voice.addEventListener("input", () => this.drawVoiceNote());
    this.clientVad.addEventListener("change", () => change({ clientVad: this.clientVad.checked }));
    for (const mode of this.modes) {
      mode.addEventListener("change", () => change({ handsFree: mode.value === "hands-free" }));
    }
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  /**
   * @param {Preferences} preferences
   * @param {import("../voicewire/types.js").SessionReady | null} ready
   */
  open(preferences, ready) {
    this.locale.replaceChildren(
      ...locales(preferences.locale, navigator.languages, ready?.locales).map(({ locale, name }) => element("option", { value: locale }, name)),
    );
    this.locale.value = preferences.locale;
    this.voice.value = preferences.voice ?? "";
    this.voices = ready?.voices ?? [];
    this.voiceList.replaceChildren(...this.voices.map((voice) => element("option", { value: voice })));
    this.drawVoiceNote();
    this.clientVad.checked = preferences.clientVad;
    for (const mode of this.modes) mode.checked = (mode.value === "hands-free") === preferences.handsFree;
    void this.listMicrophones(preferences.deviceId);
    if (!this.dialog.open) this.dialog.showModal();
  }

  /** What it does not name, the server may take all the same: so it is asked. */
  drawVoiceNote() {
    const named = isNamed(this.voice.value, this.voices);
    mark(this.voiceNote, "data-doubt", String(!named));
    write(
      this.voiceNote,
      named
        ? "A name that the server knows; leave it empty for its own."
        : "The server names no such voice. It tells if it has none; to be sure, choose one of its list.",
    );
  }

  /** @param {string} chosen */
  async listMicrophones(chosen) {
    const found = await this.microphones().catch(() => []);
    const known = found.filter(({ deviceId }) => deviceId && deviceId !== "default");
    const options = known.map(({ deviceId, label }, at) => element("option", { value: deviceId }, label || `Microphone ${at + 1}`));
    this.microphone.replaceChildren(element("option", { value: "" }, "The device's own choice"), ...options);
    this.microphone.value = known.some(({ deviceId }) => deviceId === chosen) ? chosen : "";
    this.microphoneNote.textContent = known.some(({ label }) => label)
      ? ""
      : found.length
        ? "Their names appear once you have allowed the microphone."
        : "No microphone is known yet. One that you plug in appears here.";
  }
}
