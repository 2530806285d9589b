import { readFileSync } from "node:fs";

/** The vectors of fixtures/wire that pytest runs too. */
export function vectors(name) {
  return JSON.parse(readFileSync(new URL(`../../fixtures/wire/${name}.json`, import.meta.url), "utf8"));
}

/** Hexadecimal, white space allowed, as bytes. */
export function bytes(hex) {
  return Uint8Array.from(hex.replaceAll(" ", "").match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
