import { byTest, part } from "./dom";

export interface Told {
  tone: "alarm" | "quiet";
  title: string;
  text: string;
}

/** What the page says at its top. The call's word goes before the server's. */
export class Notices {
  private readonly told = new Map<"call" | "server", Told>();

  say(from: "call" | "server", told: Told | null): void {
    if (told) this.told.set(from, told);
    else this.told.delete(from);
    const shown = this.told.get("call") ?? this.told.get("server");
    const box = byTest("notice");
    box.hidden = shown === undefined;
    if (!shown) return;
    box.dataset["tone"] = shown.tone;
    part("notice-title").textContent = shown.title;
    part("notice-text").textContent = shown.text;
  }
}
