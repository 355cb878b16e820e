import { scattered } from "../scatter.js";
import { BackendError } from "./errors.js";
import type { ClientEvent, ServerEvent } from "./events.js";
import { hangUp, type Http } from "./http.js";
import { Steering } from "./steering.js";

/** The standard's WebSocket, as far as it is needed here; the one of the package `ws` will do. */
export interface Socket {
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown } & never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: { code: number; reason: string } & never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}
export type SocketClass = new (url: string, protocols: string[]) => unknown;

export interface WatchOptions {
  /** Ends the watching, not the call. */
  signal?: AbortSignal;
  /** The connection broke and is there again: what was told meanwhile is lost, and stands in
   * `Backend.session(id).items`. */
  onGap?: () => void;
}

const OPEN_MS = 10_000;
const WHY_MS = 5_000;
const OPEN = 1;
const AGAIN_MS = 200;
const MOST_MS = 2_000;
/** How long a call is looked for that went to another server, or whose server does not answer. */
const AWAY_MS = 60_000;
/** Events that may wait for whoever iterates. */
const MOST_WAITING = 5_000;
const TOO_SLOW = 1013;
/** What a subprotocol may be made of (RFC 6455, 4.1; RFC 9110, 5.6.2). */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

/**
 * A live call's events, from now on: `for await (const event of backend.watch(id))`.
 *
 * It ends with the call, comes back where the connection breaks, and follows a call that moves to
 * another server. Iterate once. BackendError `call_not_found` where there is no such call,
 * `too_slow` where more than 5,000 events wait.
 */
export class Watch extends Steering implements AsyncIterable<ServerEvent> {
  private socket: Socket | null = null;
  private readonly waiting: ServerEvent[] = [];
  private wake: () => void = () => undefined;
  private over = false;
  private failure: BackendError | null = null;
  private opened: Promise<void>;

  constructor(
    private readonly http: Http, private readonly made: SocketClass | undefined,
    private readonly id: string, private readonly options: WatchOptions,
  ) {
    super();
    options.signal?.addEventListener("abort", this.stop, { once: true });
    this.opened = this.open();
    // Whoever iterates or sends is told.
    this.opened.catch((error: unknown) => this.fail(error));
    if (options.signal?.aborted) this.stop();
  }

  /** Over the sideband; BackendError where that is not open now. What the server finds wrong with
   * an event comes as `error`, with its `event_id`. */
  async send(...events: ClientEvent[]): Promise<void> {
    await this.opened;
    if (this.socket?.readyState !== OPEN) {
      throw new BackendError("The call's connection is not open now.", "unreachable");
    }
    for (const event of events) this.socket.send(JSON.stringify(event));
  }

  async end(): Promise<void> {
    await hangUp(this.http, this.id);
  }

  /** Watch no longer; the call goes on. */
  readonly stop = (): void => {
    this.over = true;
    this.options.signal?.removeEventListener("abort", this.stop);
    this.socket?.close(1000);
    this.wake();
  };

  async *[Symbol.asyncIterator](): AsyncGenerator<ServerEvent, void, void> {
    try {
      for (;;) {
        while (this.waiting.length) yield this.waiting.shift()!;
        if (this.failure) throw this.failure;
        if (this.over) return;
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      this.stop();
    }
  }

  /** Until events come. BackendError says why they cannot. */
  private open(): Promise<void> {
    const socket = (this.socket = this.connection());
    return new Promise((resolve, reject) => {
      const refused = (): void => {
        clearTimeout(timer);
        socket.onclose = null;
        // To be closed before it was open is an error as well, of which nobody is to hear.
        socket.onerror = () => undefined;
        socket.close();
        // Nobody waits for the reason longer; and a program that only waits goes on running.
        const late = setTimeout(() => reject(unreachable()), WHY_MS);
        void this.why().then(reject).finally(() => clearTimeout(late));
      };
      const timer = setTimeout(refused, OPEN_MS);
      // A socket tells nobody the status with which it was refused.
      socket.onclose = socket.onerror = refused;
      socket.onmessage = ({ data }) => this.take(JSON.parse(String(data)) as ServerEvent);
      socket.onopen = () => {
        clearTimeout(timer);
        if (this.over) socket.close(1000);
        socket.onerror = () => undefined;
        socket.onclose = ({ code }) => this.closed(code);
        resolve();
      };
    });
  }

  private connection(): Socket {
    const Class = this.made ?? (globalThis as { WebSocket?: SocketClass }).WebSocket;
    if (!Class) {
      throw new BackendError("This runtime has no WebSocket; give Backend one.", "no_websocket");
    }
    const { key } = this.http;
    if (key && !TOKEN.test(key)) {
      const message = "A WebSocket can carry only a key of letters, digits, - and _ ; take such a one.";
      throw new BackendError(message, "bad_key");
    }
    const query = new URLSearchParams({ call_id: this.id, extensions: "talkover" });
    const url = `${this.http.base.replace(/^http/, "ws")}/v1/realtime?${query}`;
    const own = key ? [`openai-insecure-api-key.${key}`] : [];
    return new Class(url, ["realtime", ...own]) as Socket;
  }

  /** Why the call cannot be watched. */
  private async why(): Promise<BackendError> {
    try {
      const known = (await this.http.ask("GET", "/v1/sessions")) as {
        data: { id: string; call_id: string; status: string }[];
      };
      const found = known.data.find((one) => one.id === this.id || one.call_id === this.id);
      if (!found || found.status === "ended") {
        return new BackendError("There is no such call; it may have ended.", "call_not_found", 404);
      }
      return unreachable();
    } catch (error) {
      const told = error instanceof BackendError && error.status < 500 ? error : null;
      // A server that is going down, or a proxy that finds none, is one that may be there soon.
      return told ?? new BackendError(String(error), "unreachable");
    }
  }

  private take(event: ServerEvent): void {
    if (this.waiting.length >= MOST_WAITING) {
      return this.fail(new BackendError("More events wait than are read.", "too_slow"));
    }
    this.waiting.push(event);
    if (event.type === "talkover.ended" && event.how !== "moved") this.stop();
    this.wake();
  }

  private closed(code: number): void {
    if (this.over) return;
    if (code === TOO_SLOW) {
      return this.fail(new BackendError("The server's events were not read in time.", "too_slow"));
    }
    this.opened = this.again();
    this.opened.catch((error: unknown) => this.fail(error));
  }

  /** The same call, wherever it is now; done as well where it has ended meanwhile. */
  private async again(): Promise<void> {
    const end = Date.now() + AWAY_MS;
    for (let wait = AGAIN_MS; !this.over; wait = Math.min(wait * 1.5, MOST_MS)) {
      await scattered(wait);
      if (this.over) return;
      try {
        await this.open();
        return this.options.onGap?.();
      } catch (error) {
        if (!(error instanceof BackendError)) throw error;
        if (error.code === "call_not_found") return this.stop();
        if (error.code !== "unreachable" || Date.now() > end) throw error;
      }
    }
  }

  private fail(error: unknown): void {
    if (this.over) return;
    this.failure = error instanceof BackendError ? error : new BackendError(String(error), "unreachable");
    this.stop();
  }
}

const unreachable = (): BackendError =>
  new BackendError("The call cannot be reached now.", "unreachable");
