// What of a reply was heard, when it was cut short.

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
