// Elements made. Attributes only: the page's policy allows no style of an element's own.

/** @typedef {string | number | boolean | undefined | ((event: any) => void)} Value */

/**
 * @param {Element} made
 * @param {Record<string, Value>} attributes A function listens; false and undefined are left out.
 */
function dress(made, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, Value>} [attributes]
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  dress(made, attributes);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, Value>} [attributes]
 * @param {...(Node | string | null)} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function drawing(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  dress(made, attributes);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * A card of the page with its heading.
 *
 * @param {string} id
 * @param {string} title
 * @param {...(Node | string | null)} children
 */
export function card(id, title, ...children) {
  return element("section", { class: "card", id, "aria-labelledby": `${id}-title` }, element("h2", { id: `${id}-title` }, title), ...children);
}

/**
 * A choice in a row, for one hand.
 *
 * @param {string} label
 * @param {readonly [string, string][]} options Values and titles.
 * @param {string} chosen
 * @param {(value: string) => void} choose
 */
export function choice(label, options, chosen, choose) {
  const select = element("select", { change: (event) => choose(event.target.value) });
  for (const [value, title] of options) select.append(element("option", { value, selected: value === chosen }, title));
  return element("label", { class: "choice" }, element("span", {}, label), select);
}

/**
 * A text that appears beside the pointer over anything that carries `data-tip`.
 *
 * @param {HTMLElement} tooltip
 */
export function listenForTips(tooltip) {
  document.addEventListener("pointermove", (event) => {
    const told = event.target instanceof Element ? event.target.closest("[data-tip]")?.getAttribute("data-tip") : null;
    tooltip.hidden = !told;
    if (!told) return;
    if (tooltip.textContent !== told) tooltip.textContent = told;
    const box = tooltip.getBoundingClientRect();
    const left = Math.min(Math.max(8, event.clientX + 14), document.documentElement.clientWidth - box.width - 8);
    const above = event.clientY - box.height - 12;
    tooltip.style.translate = `${left}px ${above < 8 ? event.clientY + 18 : above}px`;
  });
  document.addEventListener("pointerleave", () => (tooltip.hidden = true));
  document.addEventListener("scroll", () => (tooltip.hidden = true), { passive: true });
}
