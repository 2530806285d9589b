// What of a reply was heard, when it was cut short.

/** Of English speech, a second: some 165 words a minute. */
const USUAL_CHARS = 15;

/**
 * About how far into a reply's text the voice is.
 *
 * @param {string} reply
 * @param {number} playheadMs
 * @returns {number} Characters.
 */
export function spokenChars(reply, playheadMs) {
  return Math.min(reply.length, Math.round((playheadMs * USUAL_CHARS) / 1000));
}

/**
 * About what of a reply was heard: the words that the voice has finished, each with its comma or full stop.
 *
 * @param {string} reply
 * @param {number} playheadMs
 */
export function heardBy(reply, playheadMs) {
  const spoken = spokenChars(reply, playheadMs);
  const end = endOfWords(reply, words(reply).filter((word) => word.index + word[0].length <= spoken).length);
  const point = end > 0 ? /^[^\s\p{L}\p{N}]*/u.exec(reply.slice(end)) : null;
  return reply.slice(0, end) + (point?.[0] ?? "");
}

/**
 * Splits a reply after the last word heard. The server's `heard_text` begins the reply; where white space, case or
 * punctuation differ (a speech engine may say so), the words decide.
 *
 * @param {string} reply
 * @param {string} heardText
 * @returns {{heard: string, unheard: string}} Joined, they are the reply.
 */
export function split(reply, heardText) {
  let at = reply.startsWith(heardText) ? heardText.length : endOfWords(reply, words(heardText).length);
  while (at > 0 && /\s/.test(reply.charAt(at))) at += 1;
  return { heard: reply.slice(0, at), unheard: reply.slice(at) };
}

/**
 * Whether a text begins with the words of another one, whatever white space, case and punctuation are.
 *
 * @param {string} text
 * @param {string} beginning
 */
export function beginsWith(text, beginning) {
  const [all, first] = [text, beginning].map((each) => words(each).map(([word]) => word.toLowerCase()));
  return first.every((word, at) => word === all[at]);
}

/** Of what was not heard, so many characters are shown at first. */
export const SHOWN_CHARS = 160;

/**
 * A long text is shown in part, up to a word's end, since a whole page of what nobody heard helps nobody.
 *
 * @param {string} unheard
 * @returns {{shown: string, words: number}} `words`: how many are not shown.
 */
export function abridge(unheard) {
  if (unheard.length <= SHOWN_CHARS * 1.5) return { shown: unheard, words: 0 };
  const shown = unheard.slice(0, SHOWN_CHARS).replace(/\s+\S*$/, "");
  return { shown, words: words(unheard.slice(shown.length)).length };
}

/** @param {string} text */
function words(text) {
  return [...text.matchAll(/[\p{L}\p{N}][\p{L}\p{N}'’-]*/gu)];
}

/**
 * @param {string} text
 * @param {number} count
 */
function endOfWords(text, count) {
  const found = words(text);
  if (count === 0) return 0;
  if (count >= found.length) return text.length;
  const last = found[count - 1];
  return (last.index ?? 0) + last[0].length;
}
