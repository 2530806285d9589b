// The link in a Worker. Its first message says that it was loaded.

import { Link } from "./link.js";

const port = /** @type {import("./link.js").LinkPort} */ (/** @type {unknown} */ (self));
new Link(port);
self.postMessage({ type: "loaded" });
