/** The page's own elements: what is missing is a fault in the page, told at once. */
export function find<T extends Element = HTMLElement>(selector: string): T {
  const found = document.querySelector<T>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

export const byTest = <T extends Element = HTMLElement>(id: string) => find<T>(`[data-testid="${id}"]`);
export const part = <T extends Element = HTMLElement>(id: string) => find<T>(`[data-id="${id}"]`);

export function node<K extends keyof HTMLElementTagNameMap>(
  tag: K, className = "", ...inside: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...inside);
  return made;
}

/** A button that copies `text` and says so. */
export function copyButton(label: string, text: () => string): HTMLButtonElement {
  const button = node("button", "copy", label);
  button.type = "button";
  button.onclick = () => void copy(button, text());
  return button;
}

export async function copy(button: HTMLButtonElement, text: string): Promise<void> {
  const label = button.textContent ?? "";
  if (button.dataset["copied"]) return;
  button.dataset["copied"] = "yes";
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "The browser forbids copying";
  }
  setTimeout(() => {
    button.textContent = label;
    delete button.dataset["copied"];
  }, 1500);
}
