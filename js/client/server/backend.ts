import { BackendError } from "./errors.js";
import type { ClientEvent, Item } from "./events.js";
import { hangUp, Http } from "./http.js";
import { Steering } from "./steering.js";
import { Watch, type SocketClass, type WatchOptions } from "./watch.js";

export interface BackendOptions {
  /** Where the server is, such as https://voice.example.com. */
  url: string;
  /** The server's own key. It stays in the backend: a browser gets what `mint` returns. */
  key?: string;
  /** For runtimes that have none of their own, such as Node 20: the one of the package `ws`. */
  WebSocket?: SocketClass;
}

/** Seconds are whole numbers; what is left out is the server's to say. */
export interface MintOptions {
  /** Who calls: `session.user` in the agent, `user` of the webhooks. */
  user?: string;
  metadata?: Record<string, unknown>;
  /** Settings of the protocol's session, which the caller cannot change. */
  session?: Record<string, unknown>;
  agent?: string;
  /** For how many calls it is good, all in all, and at a time. */
  maxUses?: number;
  maxCalls?: number;
  /** The longest call, and the longest time in which nobody says anything. */
  maxSeconds?: number;
  maxIdleSeconds?: number;
  /** From 10 to 7200. */
  expiresSeconds?: number;
}

/** For the browser: `new Call({ token: value, iceServers, … })`. */
export interface ClientSecret {
  value: string;
  /** Unix seconds. */
  expiresAt: number;
  iceServers: { urls: string[]; username?: string; credential?: string }[];
}

/** A call, live or ended; times are Unix seconds. */
export interface Session {
  id: string;
  call_id: string;
  status: "live" | "away" | "elsewhere" | "ended";
  agent: string;
  user: string | null;
  metadata: Record<string, unknown>;
  node: string;
  transport: string | null;
  began_at: number;
  ended_at: number | null;
  reason: string | null;
}

export interface History extends Session {
  items: Item[];
  state: Record<string, unknown>;
  usage: Record<string, unknown>;
}

/** One server, for a backend that has its key. Every method may raise BackendError. */
export class Backend {
  private readonly http: Http;
  private readonly socket: SocketClass | undefined;

  constructor({ url, key, WebSocket }: BackendOptions) {
    this.http = new Http(url, key);
    this.socket = WebSocket;
  }

  /** A client secret for one user's browser. */
  async mint(options: MintOptions = {}): Promise<ClientSecret> {
    const { user, metadata, session, agent, expiresSeconds } = options;
    const expires = expiresSeconds && { anchor: "created_at", seconds: expiresSeconds };
    const made = (await this.http.ask("POST", "/v1/realtime/client_secrets", {
      user, metadata, session, agent, expires_after: expires,
      max_uses: options.maxUses, max_calls: options.maxCalls,
      max_seconds: options.maxSeconds, max_idle_seconds: options.maxIdleSeconds,
    })) as { value: string; expires_at: number; ice_servers?: ClientSecret["iceServers"] };
    return { value: made.value, expiresAt: made.expires_at, iceServers: made.ice_servers ?? [] };
  }

  /** The calls that are known, the newest first. */
  async sessions(): Promise<Session[]> {
    return ((await this.http.ask("GET", "/v1/sessions")) as { data: Session[] }).data;
  }

  /** A call with all that was said in it, by its session id (`sess_…`). */
  async session(id: string): Promise<History> {
    return (await this.http.ask("GET", `/v1/sessions/${encodeURIComponent(id)}`)) as History;
  }

  /** End it, where it is live, and keep nothing of it. By its session id. */
  async delete(id: string): Promise<void> {
    await this.http.ask("DELETE", `/v1/sessions/${encodeURIComponent(id)}`);
  }

  /** Steer a call by HTTP, one request a time; `id` is `sess_…` or `rtc_…`. */
  call(id: string): Steering {
    return new Call(this.http, id);
  }

  /** Everything that a call says from now on, and a quick way to steer it. BackendError at once
   * where no WebSocket can be made at all. */
  watch(id: string, options: WatchOptions = {}): Watch {
    return new Watch(this.http, this.socket, id, options);
  }
}

class Call extends Steering {
  constructor(private readonly http: Http, private readonly id: string) {
    super();
  }

  async send(...events: ClientEvent[]): Promise<void> {
    const path = `/v1/sessions/${encodeURIComponent(this.id)}/events`;
    const { errors } = (await this.http.ask("POST", path, { events })) as {
      errors: { code: string | null; message: string }[];
    };
    const [first] = errors;
    if (first) throw new BackendError(first.message, first.code ?? "refused", 200);
  }

  async end(): Promise<void> {
    await hangUp(this.http, this.id);
  }
}
