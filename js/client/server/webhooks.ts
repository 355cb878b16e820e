import { WebhookError } from "./errors.js";

const OLDEST_S = 300;
const PREFIX = "whsec_";

interface About {
  session_id: string;
  call_id: string;
  agent: string;
  user: string | null;
  metadata: Record<string, unknown>;
  /** Unix seconds. */
  began_at: number;
}

interface Ended extends About {
  ended_at: number;
  reason: string | null;
  usage: Record<string, unknown>;
  transcript: { role: string; text: string; status: string }[];
  silence_ms: Record<string, unknown>;
}

/** `id` is the same each time that a message is sent. */
export type Webhook =
  | { id: string; type: "call.started"; created_at: number; data: About }
  | { id: string; type: "call.ended"; created_at: number; data: Ended };

type Signed = { get(name: string): string | null } | Record<string, string | string[] | undefined>;

/**
 * The message, where it was signed with `secret` in the last five minutes; else WebhookError.
 *
 * `body` is what came, byte for byte: JSON that was parsed and written again has another signature.
 * `now` is Unix seconds.
 */
export async function verify(
  headers: Signed, body: string | Uint8Array, secret: string, now = Date.now() / 1000,
): Promise<Webhook> {
  const [id, at, signed] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => {
    const value = typeof headers["get"] === "function"
      ? (headers as { get(name: string): string | null }).get(name)
      : (headers as Record<string, string | string[] | undefined>)[name];
    return typeof value === "string" ? value : "";
  }) as [string, string, string];
  if (!id || !signed || !/^\d+$/.test(at)) {
    throw new WebhookError("The message has no signature.", "not_signed");
  }
  if (Math.abs(now - Number(at)) > OLDEST_S) {
    throw new WebhookError("The message is too old, or the clocks differ.", "too_old");
  }
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  const content = new TextEncoder().encode(`${id}.${at}.${text}`);
  const how = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", keyOf(secret), how, false, ["verify"]);
  for (const one of signed.split(" ")) {
    const signature = one.startsWith("v1,") ? bytes(one.slice(3)) : null;
    // Compared in constant time.
    if (signature && (await crypto.subtle.verify("HMAC", key, signature, content))) {
      return JSON.parse(text) as Webhook;
    }
  }
  throw new WebhookError("The message was signed with another secret.", "bad_signature");
}

function keyOf(secret: string): Uint8Array<ArrayBuffer> {
  if (!secret.startsWith(PREFIX)) return new TextEncoder().encode(secret);
  const key = bytes(secret.slice(PREFIX.length));
  if (!key?.length) throw new TypeError("The webhook secret is whsec_ and base64 behind it.");
  return key;
}

function bytes(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}
