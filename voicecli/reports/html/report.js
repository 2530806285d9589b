// Puts the page together from what it holds.

import { CallView } from "./call.js";
import { comparison } from "./comparison.js";
import { distributions } from "./distributions.js";
import { listenForTips } from "./element.js";
import { masthead, overview } from "./overview.js";

/** @param {string} id */
function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new TypeError(`the page has no ${id}`);
  return element;
}

/** @type {import("./samples.js").Content} */
const content = JSON.parse(byId("content").textContent ?? "");
const calls = new CallView(content);
const show = () => calls.section.scrollIntoView({ block: "start" });
const sections = [
  overview(content, (fixture) => {
    calls.open(0, fixture, null);
    show();
  }),
  comparison(content),
  calls.section,
  distributions(content, (sample) => {
    calls.open(sample.run, sample.fixture, sample.call, sample.turn);
    show();
  }),
];
byId("masthead").replaceChildren(...masthead(content));
byId("main").replaceChildren(...sections.filter((section) => section !== null));
listenForTips(byId("tooltip"));
document.documentElement.dataset.ready = "";
