/** What the server refused, or that it could not be asked. */
export class BackendError extends Error {
  override readonly name = "BackendError";

  /**
   * `code` is the protocol's (`server_overloaded`, `session_not_found`, …), or ours: `unreachable`,
   * `too_slow`, `bad_key`. `status` is the HTTP status, 0 where there was no answer. `retryAfter`
   * is seconds, where the server said how long to wait.
   */
  constructor(
    message: string,
    readonly code: string,
    readonly status = 0,
    readonly param: string | null = null,
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

/** A message that is not to be believed. Answer it with 400. */
export class WebhookError extends Error {
  override readonly name = "WebhookError";

  constructor(message: string, readonly code: "not_signed" | "too_old" | "bad_signature") {
    super(message);
  }
}
