// The conversation as it forms.

import { byId, element, mark, write } from "./element.js";
import { Following } from "./following.js";
import { abridge, spokenChars } from "./heard.js";
import { timeline } from "./state.js";
import { answered, said } from "./turns.js";

/** @typedef {import("./turns.js").Turn} Turn */

/** @type {Record<Exclude<import("../voicewire/types.js").CancelReason, "failed">, string>} */
const CUT = {
  barge_in: "You cut in",
  interrupt: "You stopped it",
  text_input: "You typed something else",
  resumed: "Taken back as you went on",
};

/** One turn; its elements stay, and only their texts change. */
class TurnDrawing {
  constructor() {
    this.stable = element("span");
    this.changing = element("span", { class: "changing" });
    this.user = element("p", { class: "user" }, element("span", { class: "visually-hidden" }, "You: "), this.stable, this.changing);
    this.heard = element("span");
    this.cutOff = element("span", { class: "visually-hidden" });
    this.unheard = element("s");
    this.more = element("button", { type: "button", class: "more", "aria-expanded": "false" });
    this.more.addEventListener("click", () => {
      mark(this.more, "aria-expanded", this.more.getAttribute("aria-expanded") === "true" ? "false" : "true");
      this.drawUnheard();
    });
    const speaker = element("span", { class: "visually-hidden" }, "Answer: ");
    this.answer = element("p", { class: "answer" }, speaker, this.heard, this.cutOff, this.unheard, this.more);
    this.note = element("p", { class: "turn-note" });
    this.root = element("li", { class: "turn" }, this.user, this.answer, this.note);
    /** @type {Turn | null} */
    this.drawn = null;
  }

  /** @param {Turn} turn */
  draw(turn) {
    if (turn === this.drawn) return;
    this.drawn = turn;
    const user = said(turn);
    const answer = answered(turn);
    this.user.hidden = user === null;
    this.answer.hidden = answer === null;
    this.root.hidden = user === null && answer === null;
    write(this.stable, user?.stable ?? "");
    write(this.changing, user?.changing ?? "");
    mark(this.user, "data-final", String(user?.final ?? false));
    write(this.heard, answer?.heard ?? "");
    this.drawUnheard();
    mark(this.answer, "data-settled", String(answer?.settled ?? false));
    const note = remark(turn);
    this.note.hidden = !note;
    write(this.note, note);
  }

  /** Where the line is drawn that is being spoken, in the window; null where none is. */
  spokenLine() {
    const turn = this.drawn;
    const text = this.heard.firstChild;
    if (!turn?.reply || turn.outcome !== null || turn.cancelled !== null || !(text instanceof Text)) return null;
    const line = document.createRange();
    const at = Math.min(spokenChars(turn.reply, turn.playheadMs), text.length - 1);
    line.setStart(text, at);
    line.setEnd(text, at + 1);
    return line.getBoundingClientRect().bottom;
  }

  drawUnheard() {
    const unheard = (this.drawn && answered(this.drawn)?.unheard) ?? "";
    // Few screen readers tell what is struck through.
    write(this.cutOff, unheard && "Not heard: ");
    const { shown, words } = abridge(unheard);
    const all = this.more.getAttribute("aria-expanded") === "true";
    write(this.unheard, all || words === 0 ? unheard : `${shown} …`);
    this.more.hidden = words === 0;
    write(this.more, words === 0 ? "" : all ? "Show less" : `Show ${words} more words`);
  }
}

/** Where a conversation began of which what stands above is no part. */
class BeginningDrawing {
  root = element("li", { class: "beginning" }, "A new conversation: what is above is not remembered.");

  draw() {}

  spokenLine() {
    return null;
  }
}

/** @param {Turn} turn */
function remark(turn) {
  if (turn.cancelled === "resumed" && !answered(turn)) return "";
  if (turn.cancelled === "failed" && turn.reply) return "It could not be finished.";
  if (turn.cancelled === "failed" || turn.outcome === "failed") return "It could not be answered.";
  if (turn.cancelled) return turn.reply && !turn.heardText ? `${CUT[turn.cancelled]} before it was heard.` : `${CUT[turn.cancelled]}.`;
  if (turn.outcome === "ended") return "The conversation ended here.";
  if (turn.outcome === "lost") return `The connection was interrupted here.${turn.reply ? "" : onceMore(turn)}`;
  if (turn.outcome === "no_speech" && turn.partial) return turn.aside ? "The answer went on." : "That was not understood.";
  return "";
}

/** Of what was not answered the server may know nothing.  @param {Turn} turn */
function onceMore({ typed }) {
  return typed ? " Send it once more." : " Say it once more.";
}

export class Conversation {
  constructor() {
    this.root = byId("conversation", HTMLElement);
    this.list = byId("turns", HTMLOListElement);
    this.firstWords = byId("first-words", HTMLElement);
    /** @type {Map<string, TurnDrawing | BeginningDrawing>} */
    this.drawings = new Map();
    this.pending = element("li", { class: "turn" });
    this.following = new Following(this.root, () => this.spokenLine());
  }

  /** @param {import("./state.js").ViewState} state */
  draw(state) {
    this.root.hidden = document.body.dataset.view === "welcome";
    const shown = state.turns.some((turn) => said(turn) || answered(turn)) || state.typed.length > 0;
    this.firstWords.hidden = shown;
    write(this.firstWords, state.ready && !shown ? "Say hello, or ask for something." : "");
    this.drawTimeline(timeline(state));
    this.drawTyped(state.typed);
    this.following.follow();
  }

  /** @param {ReturnType<typeof timeline>} items */
  drawTimeline(items) {
    const keys = new Set(items.map(({ key }) => key));
    for (const [key, gone] of this.drawings) {
      if (keys.has(key)) continue;
      gone.root.remove();
      this.drawings.delete(key);
    }
    for (const { key, turn } of items) {
      const drawing = this.drawings.get(key) ?? this.add(key, turn ? new TurnDrawing() : new BeginningDrawing());
      if (turn) drawing.draw(turn);
    }
  }

  /**
   * @param {string} key
   * @param {TurnDrawing | BeginningDrawing} drawing
   */
  add(key, drawing) {
    this.drawings.set(key, drawing);
    this.list.insertBefore(drawing.root, this.pending.parentNode === this.list ? this.pending : null);
    return drawing;
  }

  /** Where the line is drawn that is being spoken, in the window; null where none is. */
  spokenLine() {
    return [...this.drawings.values()].map((drawing) => drawing.spokenLine()).find((line) => line !== null) ?? null;
  }

  /** @param {readonly string[]} typed */
  drawTyped(typed) {
    if (typed.length === 0) return this.pending.remove();
    this.pending.replaceChildren(...typed.map((text) => element("p", { class: "user", "data-final": "false" }, text)));
    if (!this.pending.isConnected) this.list.append(this.pending);
  }
}
