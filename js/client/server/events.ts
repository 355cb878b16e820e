// The fields that each event has beside `type` and `event_id`, as docs/events.md lists them.

/** An item of a conversation. */
export interface Item {
  id: string;
  type: string;
  role?: "system" | "user" | "assistant";
  status?: "in_progress" | "completed" | "incomplete";
  content?: Content[];
  call_id?: string;
  name?: string;
  arguments?: string;
  output?: string;
}

export interface Content {
  type: string;
  text?: string;
  transcript?: string | null;
}

export interface Response {
  id: string;
  status: "in_progress" | "completed" | "cancelled" | "failed" | "incomplete";
  output: Item[];
  metadata?: Record<string, string> | null;
  usage?: Record<string, unknown> | null;
}

export interface Trouble {
  type: string;
  code: string | null;
  message: string;
  param?: string | null;
  /** Of the event that it is about. */
  event_id?: string | null;
}

type Of<Fields> = Fields & { event_id: string };
type InReply<Fields = unknown> = Of<{ response_id: string; item_id: string; output_index: number } & Fields>;
type InPart<Fields = unknown> = InReply<{ content_index: number } & Fields>;
type Told = Of<{ item: Item; previous_item_id: string | null }>;
type Transcribing<Fields> = Of<{ item_id: string; content_index: number } & Fields>;
/** Talkover's own; `at_ms` is on the call's clock. */
type Own<Fields> = Of<Fields & { at_ms: number }>;

export interface Events {
  "conversation.item.added": Told;
  "conversation.item.deleted": Of<{ item_id: string }>;
  "conversation.item.done": Told;
  "conversation.item.input_audio_transcription.completed": Transcribing<{
    transcript: string;
    usage: Record<string, unknown>;
  }>;
  "conversation.item.input_audio_transcription.delta": Transcribing<{ delta: string }>;
  "conversation.item.input_audio_transcription.failed": Transcribing<{ error: Trouble }>;
  "conversation.item.input_audio_transcription.segment": Transcribing<{
    id: string; speaker: string; text: string; start: number; end: number;
  }>;
  "conversation.item.retrieved": Of<{ item: Item }>;
  "conversation.item.truncated": Transcribing<{ audio_end_ms: number }>;
  "error": Of<{ error: Trouble }>;
  "input_audio_buffer.cleared": Of<unknown>;
  "input_audio_buffer.committed": Of<{ item_id: string; previous_item_id: string | null }>;
  "input_audio_buffer.dtmf_event_received": { event: string; received_at: number };
  "input_audio_buffer.speech_started": Of<{ item_id: string; audio_start_ms: number }>;
  "input_audio_buffer.speech_stopped": Of<{ item_id: string; audio_end_ms: number }>;
  "input_audio_buffer.timeout_triggered": Of<{
    item_id: string; audio_start_ms: number; audio_end_ms: number;
  }>;
  "mcp_list_tools.completed": Of<{ item_id: string }>;
  "mcp_list_tools.failed": Of<{ item_id: string }>;
  "mcp_list_tools.in_progress": Of<{ item_id: string }>;
  "output_audio_buffer.cleared": Of<{ response_id: string }>;
  "output_audio_buffer.started": Of<{ response_id: string; rtp_timestamp: number }>;
  "output_audio_buffer.stopped": Of<{ response_id: string }>;
  "rate_limits.updated": Of<{ rate_limits: unknown[] }>;
  "response.content_part.added": InPart<{ part: Content }>;
  "response.content_part.done": InPart<{ part: Content }>;
  "response.created": Of<{ response: Response }>;
  "response.done": Of<{ response: Response }>;
  "response.function_call_arguments.delta": InReply<{ call_id: string; delta: string }>;
  "response.function_call_arguments.done": InReply<{ call_id: string; name: string; arguments: string }>;
  "response.mcp_call.completed": Of<{ item_id: string; output_index: number }>;
  "response.mcp_call.failed": Of<{ item_id: string; output_index: number }>;
  "response.mcp_call.in_progress": Of<{ item_id: string; output_index: number }>;
  "response.mcp_call_arguments.delta": InReply<{ delta: string }>;
  "response.mcp_call_arguments.done": InReply<{ arguments: string }>;
  /** Never on the sideband, which has no sound. */
  "response.output_audio.delta": InPart<{ delta: string }>;
  "response.output_audio.done": InPart;
  "response.output_audio_transcript.delta": InPart<{ delta: string }>;
  "response.output_audio_transcript.done": InPart<{ transcript: string }>;
  "response.output_item.added": Of<{ response_id: string; output_index: number; item: Item }>;
  "response.output_item.done": Of<{ response_id: string; output_index: number; item: Item }>;
  "response.output_text.delta": InPart<{ delta: string }>;
  "response.output_text.done": InPart<{ text: string }>;
  "session.created": Of<{ session: Record<string, unknown> }>;
  "session.updated": Of<{ session: Record<string, unknown> }>;
  "talkover.backchannel": Own<{ text: string }>;
  "talkover.decision": Own<{ decision: string; why: string }>;
  "talkover.ducked": Own<{ response_id: string }>;
  /** `how` is "moved" where the call goes on at another server. */
  "talkover.ended": Own<{ reason: string; how: string }>;
  "talkover.heard": Own<{
    response_id: string; item_id: string; text: string; played_ms: number; exact: boolean;
  }>;
  "talkover.held": Own<{ response_id: string }>;
  "talkover.message": Own<{ name: string; data: unknown }>;
  "talkover.muted": Own<{ on: boolean }>;
  "talkover.network": Own<{ transport: string; rtt_ms: number | null; loss: number | null }>;
  "talkover.partial": Own<{ item_id: string; text: string }>;
  "talkover.resumed": Own<{ response_id: string }>;
  "talkover.sound": Own<{ phase: string }>;
  "talkover.state": Own<{ user: string; agent: string }>;
  "talkover.tool": Own<{
    call_id: string; name: string; arguments: string; phase: string; output: string | null; ms: number | null;
  }>;
  "talkover.turn": Own<{ response_id: string; timings: Record<string, unknown> }>;
  "talkover.word": Own<{ response_id: string; item_id: string; start: number; end: number; text: string }>;
}

/** What a call tells. A newer server may tell more types: leave those that you do not know. */
export type ServerEvent = { [Type in keyof Events]: { type: Type } & Events[Type] }[keyof Events];

/** What a call is told; docs/events.md has the fields of each type. */
export interface ClientEvent {
  type: string;
  event_id?: string;
  [field: string]: unknown;
}
