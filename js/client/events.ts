/** An event of the Realtime protocol, either way. */
export interface RealtimeEvent {
  type: string;
  event_id?: string;
  // Each type has its own fields; readers check what they use.
  [field: string]: unknown;
}

export type CallState = "idle" | "connecting" | "live" | "reconnecting" | "ended" | "error";

/** The way that sound takes. */
export type Transport = "udp" | "tcp" | "relay" | "websocket" | "";

export class CallError extends Error {
  /** `status`: HTTP status where the server refused. */
  constructor(message: string, readonly code: string, readonly status = 0) {
    super(message);
  }
}
