// Text frames. Only what tells messages apart is checked here: their fields are the server's word.

import { ProtocolError } from "./frames.js";
import { DOWN_TYPES, UP_TYPES } from "./types.js";

const types = { up: new Set(UP_TYPES), down: new Set(DOWN_TYPES) };

/**
 * @param {import("./types.js").Up} message
 * @returns {string}
 */
export function serializeMessage(message) {
  if (!types.up.has(message.type)) throw new TypeError(`${message.type} is no message of a client`);
  return JSON.stringify(message);
}

/**
 * A client ignores a message of a type it does not know (`unknown_type`): the server may be newer.
 *
 * @param {string} text
 * @param {"up" | "down"} [direction]
 * @returns {import("./types.js").Down}
 * @throws {ProtocolError} `malformed_json`, `invalid_field` or `unknown_type`
 */
export function parseMessage(text, direction = "down") {
  let message;
  try {
    message = JSON.parse(text);
  } catch (error) {
    throw new ProtocolError("malformed_json", `a text frame must be a JSON object: ${/** @type {Error} */ (error).message}`);
  }
  if (message === null || typeof message !== "object" || Array.isArray(message)) {
    throw new ProtocolError("malformed_json", "a text frame must be a JSON object");
  }
  if (message.type === undefined) throw new ProtocolError("invalid_field", "a message needs a `type`", "type");
  if (!types[direction].has(message.type)) {
    throw new ProtocolError("unknown_type", `unknown message type ${JSON.stringify(message.type).slice(0, 64)}`, "type");
  }
  return message;
}
