/** What keys do. A key of `down` also has an `up` where it is held. */
export interface Keymap {
  [key: string]: { down: () => void; up?: () => void };
}

/** Listens to the whole page. Keys typed into a field, or with a modifier, are left alone. */
export function listen(map: Keymap): void {
  document.addEventListener("keydown", (event) => {
    const act = map[event.key.toLowerCase()];
    if (!act || isForeign(event)) return;
    event.preventDefault();
    if (!event.repeat) act.down();
  });
  document.addEventListener("keyup", (event) => map[event.key.toLowerCase()]?.up?.());
  addEventListener("blur", () => Object.values(map).forEach((act) => act.up?.()));
}

function isForeign(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return true;
  if (event.key === "Escape") return false;
  const target = event.target as Element;
  if (target.matches("input:not([type=checkbox]), select, textarea")) return true;
  return event.key === " " && target.matches("button, input, summary, a");
}
