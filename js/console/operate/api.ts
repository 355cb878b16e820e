import type { RealtimeEvent } from "../../client";

const PATIENCE_MS = 8000;
const STORE = "talkover.operator";

/** What the server says instead of doing it. `status` 0: it did not answer. */
export class Refusal extends Error {
  constructor(message: string, readonly status: number) {
    super(message);
  }
}

/** The operator's API, with the key that it wants; it is forgotten with the tab. */
export class Api {
  /** From the address' `#key=…`, else as it was given before in this tab. */
  constructor(private key = sessionStorage.getItem(STORE) ?? "") {
    const given = new URLSearchParams(location.hash.slice(1)).get("key");
    if (given === null) return;
    this.key = given;
    history.replaceState(null, "", location.pathname);
  }

  use(key: string): void {
    this.key = key;
  }

  /** The key was right. */
  keep(): void {
    if (this.key) sessionStorage.setItem(STORE, this.key);
  }

  get hasKey(): boolean {
    return this.key !== "";
  }

  forget(): void {
    this.key = "";
    sessionStorage.removeItem(STORE);
  }

  /** What a route answers; null where that is nothing. Refusal. */
  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    let response: Response;
    try {
      response = await fetch(path, {
        method,
        headers: this.key ? { Authorization: `Bearer ${this.key}` } : {},
        signal: AbortSignal.timeout(PATIENCE_MS),
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
    } catch {
      throw new Refusal("The server is not answering.", 0);
    }
    const text = await response.text();
    if (response.ok) return (text ? JSON.parse(text) : null) as T;
    throw new Refusal(reason(text) ?? `The server answered ${response.status}.`, response.status);
  }

  /** Do client events in a live call. Refusal where one of them was wrong. */
  async steer(id: string, ...events: RealtimeEvent[]): Promise<void> {
    type Answer = { errors: { message: string }[] };
    const { errors } = await this.ask<Answer>("POST", `/v1/sessions/${id}/events`, { events });
    if (errors[0]) throw new Refusal(errors[0].message, 400);
  }

  /** A call's events as they come; with its sound, both sides, where one listens. */
  socket(callId: string, listen = false): WebSocket {
    const query = new URLSearchParams({ call_id: callId, extensions: "talkover" });
    if (listen) query.set("audio", "listen");
    const url = new URL(`/v1/realtime?${query}`, location.origin);
    url.protocol = url.protocol.replace("http", "ws");
    const key = this.key ? [`openai-insecure-api-key.${this.key}`] : [];
    return new WebSocket(url, ["realtime", ...key]);
  }
}

function reason(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { error?: { message?: string } }).error?.message;
  } catch {
    return undefined;
  }
}
