// Languages and voices to choose from. The server says nothing of what its engines can do, so any other may be typed.

const LOCALES = [
  "en-US", "en-GB", "de-DE", "es-ES", "fr-FR", "it-IT", "nl-NL", "pl-PL", "pt-BR", "pt-PT", "sv-SE", "da-DK", "nb-NO",
  "fi-FI", "cs-CZ", "uk-UA", "tr-TR", "el-GR", "ro-RO", "hu-HU", "hi-IN", "id-ID", "vi-VN", "ja-JP", "ko-KR", "zh-CN",
];

/** @type {Record<string, readonly string[]>} By the engine that speaks. */
const VOICES = {
  espeak: ["en-us", "en-us+f2", "en-us+m3", "en-gb", "en-gb+f3", "en-gb-scotland", "de", "fr-fr", "es", "it"],
};

/**
 * @param {string} chosen
 * @param {readonly string[]} preferred The user's own, from the browser.
 * @param {string} [shownIn] Language of the names.
 * @returns {{locale: string, name: string}[]} Sorted by name; the chosen one and the user's own are always there.
 */
export function locales(chosen, preferred, shownIn = "en") {
  const names = new Intl.DisplayNames([shownIn], { type: "language", fallback: "code" });
  const tags = new Set([...LOCALES, chosen, ...preferred.filter((tag) => tag.includes("-"))]);
  return [...tags]
    .map((locale) => ({ locale, name: nameOf(names, locale) }))
    .sort((one, other) => one.name.localeCompare(other.name));
}

/**
 * @param {Intl.DisplayNames} names
 * @param {string} locale
 */
function nameOf(names, locale) {
  try {
    return names.of(locale) ?? locale;
  } catch {
    return locale; // Not a language tag, though somebody typed it.
  }
}

/** @param {import("../voicewire/types.js").Engines | null | undefined} engines */
export function voices(engines) {
  return VOICES[engines?.tts.name ?? "espeak"] ?? [];
}
