import { Injectable, Logger, type OnApplicationShutdown } from "@nestjs/common";
import { Backend, type ServerEvent } from "talkover/server";
import { Orders } from "./orders.service.js";

/** Listens to live calls and steers them. */
@Injectable()
export class CallsGateway implements OnApplicationShutdown {
  private readonly log = new Logger(CallsGateway.name);
  private readonly stopping = new AbortController();
  private readonly followed = new Set<string>();

  constructor(private readonly backend: Backend, private readonly orders: Orders) {}

  onApplicationShutdown(): void {
    this.stopping.abort();
  }

  /** Until the call ends. Once a call: its webhook may come twice. */
  async follow(callId: string, user: string | null): Promise<void> {
    if (this.followed.has(callId)) return;
    this.followed.add(callId);
    try {
      const call = this.backend.watch(callId, { signal: this.stopping.signal });
      for await (const event of call) {
        const number = orderIn(said(event));
        if (number === undefined) continue;
        this.log.log(`${callId} asks for order ${number}`);
        // What the agent began to answer without knowing is not worth hearing.
        await call.interrupt();
        await call.inject(this.orders.status(number, user), { respond: true });
      }
    } catch (error) {
      this.log.warn(`${callId} cannot be followed: ${String(error)}`);
    } finally {
      this.followed.delete(callId);
    }
  }
}

/** What the caller said or typed, once it is whole. */
function said(event: ServerEvent): string {
  if (event.type === "conversation.item.input_audio_transcription.completed") {
    return event.transcript;
  }
  if (event.type !== "conversation.item.done" || event.item.role !== "user") return "";
  return event.item.content?.map((part) => part.text ?? "").join(" ") ?? "";
}

function orderIn(text: string): string | undefined {
  return /\border (?:number )?(\d{4})\b/i.exec(text)?.[1];
}
