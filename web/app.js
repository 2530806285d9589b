// The page: puts the client, the state and what draws it together.

import { Conversation } from "./ui/conversation.js";
import { byId, mark } from "./ui/element.js";
import { HoldToTalk, isFreeForTalking } from "./ui/hold-to-talk.js";
import { Notices } from "./ui/notices.js";
import { Panel } from "./ui/panel.js";
import { load, save } from "./ui/preferences.js";
import { isInterruptible, isOpen, presence } from "./ui/presence.js";
import { clientProblem } from "./ui/problems.js";
import { recordingName } from "./ui/recording.js";
import { Settings } from "./ui/settings.js";
import { Stage, mainButton } from "./ui/stage.js";
import { initial, reduce } from "./ui/state.js";
import { takeToken } from "./ui/token.js";
import { VoiceClient, nowMs } from "./voicewire.js";

/** How often it is told how far an answer was spoken. */
const READING_STEP_MS = 500;

/** @typedef {import("./ui/preferences.js").Preferences} Preferences */
/** @typedef {import("./ui/state.js").ViewEvent} ViewEvent */

let preferences = load();
let state = initial(preferences);
let startedMs = performance.now();
let drawing = false;

let token = takeToken(location, history, sessionStorage);
const client = newClient();

const stage = new Stage();
const conversation = new Conversation();
const notices = new Notices({
  dismiss: (code) => dispatch({ type: "problem_dismissed", code }),
  typeInstead: () => void start(false),
});
const panel = new Panel({ kinds: preferences.logKinds, kindsChosen: (logKinds) => prefer({ logKinds }) });
const settings = new Settings({ change: prefer, microphones: () => VoiceClient.microphones() });
const hold = new HoldToTalk();

/** @param {ViewEvent} event */
function dispatch(event) {
  state = reduce(state, event);
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function draw() {
  stage.draw(state);
  conversation.draw(state);
  notices.draw(state);
  panel.draw(state);
}

function elapsedMs() {
  return performance.now() - startedMs;
}

/** @param {unknown} reason */
function report(reason) {
  const problem = clientProblem(reason, [preferences.voice, preferences.locale]);
  dispatch({ type: "problem", problem, atMs: elapsedMs() });
}

// --- what the client tells

function newClient() {
  const { locale, voice, route, handsFree, clientVad, deviceId } = preferences;
  const made = new VoiceClient({ locale, voice, route, handsFree, clientVad, deviceId, token: () => token });
  made.on("state", ({ state }) => dispatch({ type: "client_state", state, atMs: elapsedMs() }));
  made.on("message", (message) => dispatch({ type: "message", message, atMs: elapsedMs() }));
  made.on("sent", (message) => dispatch({ type: "sent", message, atMs: elapsedMs() }));
  made.on("mark", ({ turnId, mark: name, tMs }) =>
    dispatch({ type: "mark", turnId, mark: name, tMs, atMs: elapsedMs() }),
  );
  made.on("stats", (stats) => dispatch({ type: "stats", stats }));
  made.on("problem", report);
  made.on("level", ({ db, speech }) => {
    const heard = state.client !== "reconnecting";
    stage.drawLevel(heard ? db : -Infinity);
    if (speech && !heard) dispatch({ type: "unheard", atMs: elapsedMs() });
  });
  made.on("devices", () => void settings.listMicrophones(preferences.deviceId));
  made.on("reconnecting", (retry) => dispatch({ type: "reconnecting", ...retry, atMs: elapsedMs() }));
  let playback = "";
  let reading = 0;
  made.on("playback", ({ turnId, playing, playedMs }) => {
    // About ten a second: only where playing begins or ends, and now and then for who reads along.
    const edge = `${turnId} ${playing} ${playedMs > 0}`;
    const step = Math.floor(playedMs / READING_STEP_MS);
    if (edge !== playback) dispatch({ type: "playback", turnId, playing, playedMs, clockMs: nowMs(), atMs: elapsedMs() });
    else if (step !== reading) dispatch({ type: "playhead", turnId, playedMs });
    playback = edge;
    reading = step;
  });
  return made;
}

// --- what the user does

/** @param {boolean} [microphone] False: typing only. */
async function start(microphone = true) {
  const isNew = !isOpen(state);
  dispatch({ type: "microphone", microphone });
  if (isNew) startedMs = performance.now();
  client.mute(false);
  for (const { code } of state.problems) dispatch({ type: "problem_dismissed", code });
  try {
    await (microphone ? client.start() : client.connect());
  } catch (reason) {
    report(reason);
    if (isOpen(state)) dispatch({ type: "microphone", microphone: false });
  }
  if (state.microphone || !isOpen(state)) return;
  draw();
  text.focus();
}

async function end() {
  stopTalking();
  await client.disconnect();
  stage.drawLevel(-Infinity);
  stage.main.focus();
}

/** @param {boolean} muted */
function setMuted(muted) {
  client.mute(muted);
  dispatch({ type: "muted", muted });
}

function interrupt() {
  if (isInterruptible(state)) client.interrupt();
}

/** @param {"press" | "release" | null} action */
function talk(action) {
  if (action === null) return;
  if (action === "press") client.pressToTalk();
  else client.releaseToTalk();
  dispatch({ type: "talking", talking: action === "press", clockMs: nowMs() });
}

function stopTalking() {
  talk(hold.cancel());
}

/**
 * Remembers what the user chose, and does it.
 *
 * @param {Partial<Preferences>} changed
 */
function prefer(changed) {
  preferences = { ...preferences, ...changed };
  save(preferences);
  if (changed.handsFree !== undefined) {
    stopTalking();
    if (changed.handsFree === false && state.muted) setMuted(false);
    client.setHandsFree(changed.handsFree);
    dispatch({ type: "hands_free", handsFree: changed.handsFree });
  }
  if (changed.locale !== undefined) client.setLocale(changed.locale);
  if (changed.voice !== undefined) client.setVoice(changed.voice);
  if (changed.route !== undefined) client.setRoute(changed.route);
  if (changed.clientVad !== undefined) client.setClientVad(changed.clientVad);
  if (changed.deviceId !== undefined) Promise.resolve(client.setMicrophone(changed.deviceId)).catch(report);
}

stage.main.addEventListener("click", (event) => {
  const { does } = mainButton(state);
  if (does === "start") void start();
  else if (does === "mute") setMuted(!state.muted);
  else if (does === "talk" && event.detail === 0 && !keyDown) talk(hold.toggle());
});

stage.main.addEventListener("pointerdown", (event) => {
  if (mainButton(state).does !== "talk" || event.button !== 0) return;
  stage.main.setPointerCapture(event.pointerId);
  talk(hold.down(event.timeStamp));
});
stage.main.addEventListener("pointerup", (event) => talk(hold.up(event.timeStamp)));
stage.main.addEventListener("pointercancel", stopTalking);
stage.main.addEventListener("contextmenu", (event) => {
  if (mainButton(state).does === "talk") event.preventDefault();
});

let keyDown = false;

/** @param {KeyboardEvent} event */
function isTalkKey(event) {
  if (mainButton(state).does !== "talk" || event.ctrlKey || event.altKey || event.metaKey) return false;
  const target = /** @type {Element | null} */ (event.target);
  if (target === stage.main) return event.key === " " || event.key === "Enter";
  return event.key === " " && isFreeForTalking(target);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !settings.dialog.open) interrupt();
  if (!isTalkKey(event)) return;
  event.preventDefault();
  if (event.repeat) return;
  keyDown = true;
  talk(hold.down(event.timeStamp));
});
document.addEventListener("keyup", (event) => {
  if (!keyDown || (event.key !== " " && event.key !== "Enter")) return;
  event.preventDefault();
  keyDown = false;
  talk(hold.up(event.timeStamp));
});
window.addEventListener("blur", () => {
  keyDown = false;
  stopTalking();
});

stage.interrupt.addEventListener("click", interrupt);
stage.handsFree.addEventListener("click", () => prefer({ handsFree: !state.handsFree }));
byId("end", HTMLButtonElement).addEventListener("click", () => void end());
byId("open-settings", HTMLButtonElement).addEventListener("click", () => settings.open(preferences, state.ready));
byId("type-only", HTMLButtonElement).addEventListener("click", () => void start(false));

const text = byId("text", HTMLInputElement);
byId("type", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = text.value.trim();
  if (!typed || !isOpen(state)) return;
  client.sendText(typed);
  dispatch({ type: "text_sent", text: typed });
  text.value = "";
});

// --- the token

// A link to this very page, opened in its tab, loads nothing: it only says that its fragment is another.
addEventListener("hashchange", () => {
  const given = takeToken(location, history, sessionStorage);
  if (given === null || given === token) return;
  token = given;
  dispatch({ type: "problem_dismissed", code: "unauthorized" });
});

// --- the panel

const toggle = byId("toggle-panel", HTMLButtonElement);

/** @param {boolean} open */
function showPanel(open) {
  mark(toggle, "aria-expanded", String(open));
  panel.show(open);
}

toggle.addEventListener("click", () => {
  prefer({ panelOpen: !preferences.panelOpen });
  showPanel(preferences.panelOpen);
});

const routeChoice = byId("route", HTMLSelectElement);
routeChoice.value = preferences.route;
routeChoice.addEventListener("change", () => prefer({ route: /** @type {Preferences["route"]} */ (routeChoice.value) }));

byId("download", HTMLButtonElement).addEventListener("click", async () => {
  const blob = await client.recording();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = recordingName(blob.type, new Date());
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});

showPanel(preferences.panelOpen);
stage.drawLevel(-Infinity);
draw();
mark(document.documentElement, "data-ready", presence(state));
