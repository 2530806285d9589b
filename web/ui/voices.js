// Voices of the answer, as far as the server names them.

/**
 * Whether the server names a voice that is called so, or begins so. A variant (`en-us+f2`) is one of the voice before it.
 *
 * @param {string} voice
 * @param {readonly string[]} voices None: the server does not say.
 */
export function isNamed(voice, voices) {
  const [wanted] = voice.trim().toLowerCase().replaceAll("_", "-").split("+");
  return !voices.length || voices.some((each) => each.toLowerCase().replaceAll("_", "-").startsWith(wanted));
}
