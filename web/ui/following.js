// Where the page goes with a conversation: to its end, but no further than the voice; nowhere while one reads elsewhere.

/** Who is so near to where they are taken is not reading elsewhere. */
const NEAR = 48;

/** Where in the window the line that is being spoken stays, from its top. */
const READING_LINE = 0.7;

export class Following {
  /**
   * @param {Element} conversation
   * @param {() => number | null} spokenLine Where the line is drawn that is being spoken, in the window; null where none is.
   */
  constructor(conversation, spokenLine) {
    this.conversation = conversation;
    this.spokenLine = spokenLine;
    this.following = true;
    /** Where each was taken last: what has grown since then makes it no other place. @type {Map<Element, number>} */
    this.taken = new Map();
    const scrolled = () => {
      this.following = this.scrollers().every((scroller) => this.isAtTarget(scroller) || this.isWhereTaken(scroller));
    };
    conversation.addEventListener("scroll", scrolled);
    window.addEventListener("scroll", scrolled);
  }

  /** Something was drawn. Who was elsewhere may be where it goes on: they came back, or the voice came to them. */
  follow() {
    this.following ||= this.scrollers().every((scroller) => this.isAtTarget(scroller));
    if (!this.following) return;
    for (const scroller of this.scrollers()) {
      const target = this.target(scroller);
      this.taken.set(scroller, target);
      if (Math.abs(scroller.scrollTop - target) >= 1) scroller.scrollTop = target;
    }
  }

  /** In a small window it is the page that scrolls, unless the panel is what it shows. */
  scrollers() {
    return document.body.dataset.panel === "open" ? [this.conversation] : [this.conversation, document.documentElement];
  }

  /** @param {Element} scroller */
  target(scroller) {
    const end = scroller.scrollHeight - scroller.clientHeight;
    const spoken = this.spokenLine();
    if (spoken === null) return Math.max(0, end);
    const { top, height } = this.conversation.getBoundingClientRect();
    const line = scroller === this.conversation ? top + height * READING_LINE : window.innerHeight * READING_LINE;
    return Math.max(0, Math.min(end, scroller.scrollTop + spoken - line));
  }

  /** @param {Element} scroller */
  isAtTarget(scroller) {
    return Math.abs(scroller.scrollTop - this.target(scroller)) < NEAR;
  }

  /** @param {Element} scroller */
  isWhereTaken(scroller) {
    const taken = this.taken.get(scroller);
    return this.following && taken !== undefined && Math.abs(scroller.scrollTop - taken) < NEAR;
  }
}
