// The token that lets the page use the server: taken from the address, and kept for the tab alone.

const KEY = "voicecli.token";

/**
 * Takes `#token=…` out of the address, so that it is not bookmarked, shared or shown. A fragment is never sent to a server.
 * A reload of the tab finds it again.
 *
 * @param {{hash: string, pathname: string, search: string}} location
 * @param {{replaceState(state: unknown, title: string, url: string): void}} history
 * @param {{getItem(key: string): string | null, setItem(key: string, value: string): void}} storage
 * @returns {string | null}
 */
export function takeToken(location, history, storage) {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  try {
    if (!given) return storage.getItem(KEY);
    storage.setItem(KEY, given);
  } catch {
    // The browser keeps nothing for this page: the token lasts until it is reloaded.
  }
  if (given) history.replaceState(null, "", location.pathname + location.search);
  return given;
}
