// The session as a file.

/** @type {Record<string, string>} */
const ENDINGS = {
  "application/json": "json",
  "application/jsonl": "jsonl",
  "application/zip": "zip",
  "audio/wav": "wav",
  "audio/webm": "webm",
};

/**
 * @param {string} mime Of the recording.
 * @param {Date} now
 * @returns {string} Such as `voicecli-2026-11-23-1832.zip`.
 */
export function recordingName(mime, now) {
  const ending = ENDINGS[mime.split(";")[0].trim()] ?? "bin";
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("-");
  return `voicecli-${day}-${two(now.getHours())}${two(now.getMinutes())}.${ending}`;
}
