import { CallError } from "./events.js";

export const SETUP_MS = 15000;
const RESTART_MS = 5000;

/** Which server to call, and as whom. */
export interface Endpoint {
  /** The server; left out, the page's own. */
  url?: string;
  /** A client secret, or the server's key. */
  token?: string;
  agent?: string;
  /** Of an endpoint of another kind, OpenAI's for one: it is asked for nothing that only Talkover has. */
  model?: string;
}

/** The server's addresses, and the key that they are asked with. */
export class Server {
  /** The call that an offer made, for whoever goes on with it by another way. */
  private callId: string | null = null;
  /** What to come back with after being cut off, and whether that was done. */
  resumption = "";
  private returning = false;
  /** The next leg waits for the session that another server still has. */
  waiting = false;

  constructor(private readonly endpoint: Endpoint) {}

  /** Whether it has shown that it is a Talkover, which gives every call something to come back with. */
  get extended(): boolean {
    return this.resumption !== "";
  }

  /** Whether it is asked for more than the protocol has. */
  get asked(): boolean {
    return !this.endpoint.model;
  }

  /** Whatever answers there by now, asked to wait for the call that this one still has. */
  beside(): Server {
    const next = new Server(this.endpoint);
    next.resumption = this.resumption;
    next.returning = next.waiting = true;
    return next;
  }

  /** An answer to an offer, and where to hang up. CallError where there is none. */
  async answer(sdp: string): Promise<{ sdp: string; location: string }> {
    let response: Response;
    try {
      response = await this.offer("POST", `${this.base}/v1/realtime/calls?${this.query()}`, sdp, SETUP_MS);
    } catch {
      throw new CallError("The server cannot be reached. Is it still running?", "unreachable");
    }
    const text = await response.text();
    if (response.status !== 201) throw refusal(response.status, text);
    const location = response.headers.get("Location") ?? "";
    this.callId = location.split("/").pop() || null;
    this.resumption = response.headers.get("Talkover-Resume") ?? this.resumption;
    return { sdp: text, location: location && new URL(location, `${this.base}/`).href };
  }

  /** An answer to a later offer of the same call, which goes on from another address. */
  async restart(location: string, sdp: string): Promise<string> {
    const response = await this.offer("PATCH", location, sdp, RESTART_MS);
    const text = await response.text();
    if (response.status !== 200) throw refusal(response.status, text);
    return text;
  }

  /** From now on the next leg is one of the same call; false where the server keeps none. */
  comeBack(): boolean {
    this.callId = null;
    this.waiting = false;
    this.returning = this.extended;
    return this.returning;
  }

  /** How the call is (`here`, `away`), and, once it has ended, how; null where nobody answers. */
  async alive(location: string, gone: AbortSignal): Promise<string | null> {
    const headers = { Authorization: `Bearer ${this.resumption}` };
    try {
      const response = await fetch(`${location}/alive`, { headers, signal: gone });
      if (!response.ok) return "gone";
      return await this.read(response);
    } catch {
      return null;
    }
  }

  /** Goes out even while the page is being closed. */
  async hangUp(location: string): Promise<void> {
    const request = { method: "POST", headers: this.headers(), keepalive: true };
    await fetch(`${location}/hangup`, request).catch(() => undefined);
  }

  /** A socket for the call that was offered, whose sound is then here; else for one of its own. */
  socket(): WebSocket {
    const query = this.query();
    if (this.callId && this.extended) {
      query.set("call_id", this.callId);
      query.set("audio", "here");
    }
    const url = new URL(`${this.base}/v1/realtime?${query}`);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const { key: own } = this;
    const key = own ? [`openai-insecure-api-key.${own}`] : [];
    return new WebSocket(url, ["realtime", ...key]);
  }

  private offer(method: string, url: string, body: string, patienceMs: number): Promise<Response> {
    const headers = { ...this.headers(), "Content-Type": "application/sdp" };
    return fetch(url, { method, headers, body, signal: AbortSignal.timeout(patienceMs) });
  }

  private query(): URLSearchParams {
    const { model, agent } = this.endpoint;
    const query = new URLSearchParams(model ? { model } : { extensions: "talkover" });
    if (agent) query.set("agent", agent);
    if (this.waiting) query.set("waiting", "true");
    return query;
  }

  private get key(): string | undefined {
    return this.returning ? this.resumption : this.endpoint.token;
  }

  private get base(): string {
    return (this.endpoint.url ?? location.origin).replace(/\/$/, "");
  }

  private headers(): Record<string, string> {
    return this.key ? { Authorization: `Bearer ${this.key}` } : {};
  }

  /** The last of its lines; a first one that tells of no leg is answer enough. */
  private async read(response: Response): Promise<string> {
    const lines = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let last = "";
    for (;;) {
      const { done, value } = await lines.read();
      if (done) return last;
      last = value.trim().split("\n").pop() ?? last;
      if (last === "away") return last;
    }
  }
}

function refusal(status: number, body: string): CallError {
  try {
    const { error } = JSON.parse(body) as { error: { message: string; code: string | null } };
    return new CallError(error.message, error.code ?? "refused", status);
  } catch {
    return new CallError(`The server answered ${status}.`, "refused", status);
  }
}
