// What went wrong, and what is said to a screen reader.

import { byId, element, icon } from "./element.js";
import { canTypeInstead } from "./problems.js";

/** @typedef {import("./problems.js").Problem} Problem */

export class Notices {
  /** @param {{dismiss: (code: string) => void, typeInstead: () => void}} actions */
  constructor({ dismiss, typeInstead }) {
    this.dismiss = dismiss;
    this.typeInstead = typeInstead;
    this.problems = byId("problems", HTMLElement);
    this.announcer = byId("announcer", HTMLElement);
    /** @type {readonly Problem[]} */
    this.drawn = [];
    this.announcedId = 0;
  }

  /** @param {import("./state.js").ViewState} state */
  draw({ problems, announcements }) {
    if (problems !== this.drawn) {
      this.drawn = problems;
      this.problems.replaceChildren(...problems.map((problem) => this.notice(problem)));
    }
    for (const { id, text } of announcements) {
      if (id <= this.announcedId) continue;
      this.announcedId = id;
      this.announcer.append(element("p", {}, text));
    }
    while (this.announcer.childElementCount > 12) this.announcer.firstElementChild?.remove();
  }

  /** @param {Problem} problem */
  notice(problem) {
    const { code, title, advice, fatal } = problem;
    const close = element("button", { type: "button", class: "dismiss", "aria-label": `Dismiss: ${title}` }, icon("end"));
    close.addEventListener("click", () => {
      this.dismiss(code);
      document.getElementById("main-button")?.focus();
    });
    const text = element("p", {}, element("strong", {}, title), ` ${advice}`);
    if (canTypeInstead(problem)) {
      const type = element("button", { type: "button", class: "link" }, "Type instead");
      type.addEventListener("click", this.typeInstead);
      text.append(" ", type);
    }
    return element("div", { class: "problem", "data-code": code, "data-fatal": String(fatal) }, icon("alert"), text, close);
  }
}
