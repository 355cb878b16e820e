import type { ClientEvent } from "./events.js";

export interface Injected {
  /** Whose word it is: "system" (the default), or the user's. */
  role?: "system" | "user";
  /** Have the agent answer at once; not where it speaks already (`interrupt` first). */
  respond?: boolean;
}

/** What a backend may do to a live call: by HTTP (`Backend.call`) or the sideband (`Backend.watch`). */
export abstract class Steering {
  /** Protocol events as they are, in their order. BackendError. */
  abstract send(...events: ClientEvent[]): Promise<void>;

  /** Hang up. BackendError; nothing where it has ended already. */
  abstract end(): Promise<void>;

  /** Have the agent say this now, through its model; not where it speaks already. */
  say(text: string): Promise<void> {
    const instructions = `Say exactly this to the user, and nothing else: ${text}`;
    return this.send({ type: "response.create", response: { instructions } });
  }

  /** Other instructions from the next answer on. */
  instruct(instructions: string): Promise<void> {
    return this.send({ type: "session.update", session: { type: "realtime", instructions } });
  }

  /** Put a message into the conversation, which the model sees from its next answer on. */
  inject(text: string, { role = "system", respond = false }: Injected = {}): Promise<void> {
    const content = [{ type: "input_text", text }];
    const item = { type: "message", role, content };
    const answer = respond ? [{ type: "response.create" }] : [];
    return this.send({ type: "conversation.item.create", item }, ...answer);
  }

  /** Stop what the agent says or thinks up. Where it does neither, it is told so (an `error`). */
  interrupt(): Promise<void> {
    return this.send({ type: "response.cancel" });
  }
}
