import { BackendError } from "./errors.js";

const ANSWER_MS = 10_000;

/** The server's address and key, and what it answers. */
export class Http {
  readonly base: string;

  constructor(url: string, readonly key: string | undefined) {
    this.base = url.replace(/\/+$/, "");
  }

  /** The JSON of an answer, or null where it has none. BackendError for any status but 2xx. */
  async ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const headers: Record<string, string> = {};
    if (this.key) headers["Authorization"] = `Bearer ${this.key}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response: Response, text: string;
    try {
      const request = { method, headers, signal: AbortSignal.timeout(ANSWER_MS) };
      const sent = body === undefined ? request : { ...request, body: JSON.stringify(body) };
      response = await fetch(this.base + path, sent);
      text = await response.text();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new BackendError(`${this.base} does not answer (${why}).`, "unreachable");
    }
    if (!response.ok) throw refusal(response, text);
    try {
      return text ? JSON.parse(text) : null;
    } catch {
      throw new BackendError(`${this.base} is no Talkover server.`, "unreachable", response.status);
    }
  }
}

/** Ends a call; nothing where it has ended already. */
export async function hangUp(http: Http, id: string): Promise<void> {
  try {
    await http.ask("POST", `/v1/realtime/calls/${encodeURIComponent(id)}/hangup`);
  } catch (error) {
    if (!(error instanceof BackendError && error.status === 404)) throw error;
  }
}

function refusal(response: Response, body: string): BackendError {
  const after = Number(response.headers.get("Retry-After") ?? NaN);
  const wait = Number.isFinite(after) ? after : null;
  try {
    const { error } = JSON.parse(body) as {
      error: { message: string; code?: string | null; param?: string | null };
    };
    const code = error.code ?? "refused";
    return new BackendError(error.message, code, response.status, error.param ?? null, wait);
  } catch {
    const message = `The server answered ${response.status}.`;
    return new BackendError(message, "refused", response.status, null, wait);
  }
}
