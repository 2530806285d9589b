// Languages and voices to choose from: those of the server's engines, where they tell.

const LOCALES = [
  "en-US", "en-GB", "de-DE", "es-ES", "fr-FR", "it-IT", "nl-NL", "pl-PL", "pt-BR", "pt-PT", "sv-SE", "da-DK", "nb-NO",
  "fi-FI", "cs-CZ", "uk-UA", "tr-TR", "el-GR", "ro-RO", "hu-HU", "hi-IN", "id-ID", "vi-VN", "ja-JP", "ko-KR", "zh-CN",
];

/**
 * @param {string} chosen
 * @param {readonly string[]} preferred The user's own, from the browser.
 * @param {readonly string[]} understood By the server; none where it does not say.
 * @param {string} [shownIn] Language of the names.
 * @returns {{locale: string, name: string}[]} Sorted by name; the chosen one is always there, and the user's own where
 *   nothing speaks against them.
 */
export function locales(chosen, preferred, understood = [], shownIn = "en") {
  const names = new Intl.DisplayNames([shownIn], { type: "language", fallback: "code" });
  const known = new Set(understood.map(language));
  const offered = [...LOCALES, ...preferred.filter((tag) => tag.includes("-"))];
  const tags = new Set([chosen, ...understood, ...offered.filter((tag) => known.size === 0 || known.has(language(tag)))]);
  return [...tags]
    .map((locale) => ({ locale, name: nameOf(names, locale) }))
    .sort((one, other) => one.name.localeCompare(other.name));
}

/** @param {string} tag */
function language(tag) {
  return tag.split("-")[0].toLowerCase();
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
