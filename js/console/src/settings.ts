import { byTest, copy, part } from "./dom";
import type { Wishes } from "./microphone";
import { NORMAL, toml, type TurnPolicy } from "./policy";

const STORE = "talkover.settings";
const KEPT = ["microphone", "speaker", "loud", "push", "developer"] as const;
const EAGERNESS = ["low", "medium", "high"] as const;
const PATIENCE = { low: "patient", medium: "normal", high: "eager" };

type Control = HTMLInputElement | HTMLSelectElement;

/** The settings panel. Devices and habits are remembered; the turn policy is not. */
export class Settings {
  onMicrophone = (): void => undefined;
  onSpeaker = (): void => undefined;
  onPolicy = (): void => undefined;
  onDeveloper = (): void => undefined;
  private remembered: Record<string, string | boolean>;

  constructor() {
    this.remembered = JSON.parse(localStorage.getItem(STORE) ?? "{}") as Record<string, string | boolean>;
    for (const id of ["loud", "push", "developer"]) check(id).checked = this.remembered[id] === true;
    byTest("settings-button").onclick = () => this.toggle();
    byTest("settings-close").onclick = () => this.toggle(false);
    for (const id of ["microphone", "loud"]) this.wire(id, () => this.onMicrophone());
    this.wire("speaker", () => this.onSpeaker());
    this.wire("developer", () => this.onDeveloper());
    for (const id of ["push", "end", "interrupts", "answers"]) this.wire(id, () => this.onPolicy());
    for (const id of ["eagerness", "silence"]) {
      check(id).oninput = () => this.show();
      this.wire(id, () => this.onPolicy());
    }
    const button = byTest<HTMLButtonElement>("copy-toml");
    button.onclick = () => void copy(button, toml(this.policy));
    part("speaker-row").hidden = !("setSinkId" in HTMLMediaElement.prototype);
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.fill());
    this.show();
  }

  get wishes(): Wishes {
    const chosen = select("microphone").value || String(this.remembered["microphone"] ?? "");
    return { deviceId: chosen, echoCancellation: !check("loud").checked };
  }

  get speaker(): string {
    return select("speaker").value || String(this.remembered["speaker"] ?? "");
  }

  get policy(): TurnPolicy {
    return {
      push: check("push").checked,
      end: select("end").value as TurnPolicy["end"],
      eagerness: EAGERNESS[Number(check("eagerness").value)] ?? "medium",
      silenceMs: Number(check("silence").value),
      interrupts: check("interrupts").checked,
      answers: check("answers").checked,
    };
  }

  /** Whether the session is to be told: the server's own policy stands until somebody changes it. */
  get isChanged(): boolean {
    return JSON.stringify(this.policy) !== JSON.stringify(NORMAL);
  }

  get isDeveloper(): boolean {
    return check("developer").checked;
  }

  get isOpen(): boolean {
    return !byTest("settings").hidden;
  }

  toggle(open = !this.isOpen): void {
    byTest("settings").hidden = !open;
    byTest("settings-button").setAttribute("aria-expanded", String(open));
    if (open) {
      void this.fill();
      byTest("settings-close").focus();
    } else byTest("settings-button").focus();
  }

  /** List the devices; their names are known once the microphone was allowed. */
  async fill(): Promise<void> {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    for (const [id, kind] of [["microphone", "audioinput"], ["speaker", "audiooutput"]] as const) {
      const control = select(id);
      const chosen = control.value || String(this.remembered[id] ?? "");
      const found = all.filter((device) => device.kind === kind && device.deviceId);
      control.replaceChildren(...found.map((d, n) => new Option(d.label || `${id} ${n + 1}`, d.deviceId)));
      if (found.length === 0) control.append(new Option("the system's own", ""));
      if (found.some((device) => device.deviceId === chosen)) control.value = chosen;
    }
  }

  private wire(id: string, act: () => void): void {
    byTest<Control>(id).onchange = () => {
      this.show();
      this.remember();
      act();
    };
  }

  private show(): void {
    const { end, eagerness, silenceMs } = this.policy;
    byTest("policy").hidden = !this.isDeveloper;
    part("eagerness-row").hidden = end !== "words";
    part("silence-row").hidden = end !== "silence";
    part("eagerness-shown").textContent = PATIENCE[eagerness];
    check("eagerness").setAttribute("aria-valuetext", PATIENCE[eagerness]);
    part("silence-shown").textContent = `${silenceMs} ms`;
  }

  private remember(): void {
    for (const id of KEPT) {
      const control = byTest<Control>(id);
      this.remembered[id] = control instanceof HTMLInputElement ? control.checked : control.value;
    }
    localStorage.setItem(STORE, JSON.stringify(this.remembered));
  }
}

const check = (id: string) => byTest<HTMLInputElement>(id);
const select = (id: string) => byTest<HTMLSelectElement>(id);
