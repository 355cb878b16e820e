import { CallError } from "../../client";

/** What a call is made with; `iceServers` where the server has some. */
export interface Secret {
  token: string;
  iceServers: RTCIceServer[];
}

/** The server's key, kept in memory alone; calls are made with secrets minted from it. */
export class Key {
  needed = false;
  private value: string;

  /** From the printed URL's fragment, which then leaves the address bar and the history. */
  constructor() {
    this.value = new URLSearchParams(location.hash.slice(1)).get("key") ?? "";
    if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  }

  get missing(): boolean {
    return this.needed && this.value === "";
  }

  /** Take another key. CallError where the server refuses it. */
  async use(value: string): Promise<void> {
    this.value = value;
    await this.secret();
  }

  /** A fresh client secret; undefined where the server wants none. CallError. */
  async secret(): Promise<Secret | undefined> {
    if (!this.needed) return undefined;
    const headers = { Authorization: `Bearer ${this.value}` };
    const response = await fetch("/v1/realtime/client_secrets", { method: "POST", headers, body: "{}" });
    if (response.status === 401 || response.status === 403) {
      this.value = "";
      throw new CallError("The server refuses this key. Look at how it was started.", "key", response.status);
    }
    if (!response.ok) {
      throw new CallError(`The server answered ${response.status}.`, "refused", response.status);
    }
    const minted = (await response.json()) as { value: string; ice_servers?: RTCIceServer[] };
    return { token: minted.value, iceServers: minted.ice_servers ?? [] };
  }
}
