import { Levels, type RealtimeEvent } from "../../client";
import { byTest, find } from "./dom";
import { Lanes } from "./lanes";
import { Timeline, type Happening } from "./timeline";

const SOUNDING = new Set(["speaking", "ducked", "held"]);
const SLOW_MS = 250;

const happenings: Record<string, Happening> = {
  "talkover.ducked": "duck", "talkover.held": "hold", "talkover.resumed": "resume",
  "talkover.backchannel": "mm-hm",
};

/** The two lanes of one call: levels heard here, and what the events tell. */
export class Stage {
  agentState = "listening";
  private readonly timeline = new Timeline();
  private readonly levels = new Levels();
  private readonly lanes = new Lanes(find("[data-testid=lanes] canvas"));
  private readonly slow = matchMedia("(prefers-reduced-motion: reduce)").matches;
  private began = 0;
  private frame = 0;
  private drawn = 0;
  private userSince = 0;
  private agentSounded = false;

  /** The last call's picture goes at once. */
  constructor() {
    this.redraw();
  }

  hear(side: "user" | "agent", stream: MediaStream): void {
    this.levels.listen(side, stream);
  }

  /** Time starts now. */
  begin(): void {
    this.began = performance.now();
    this.tick(this.began);
  }

  /** The last picture stays. */
  end(): void {
    cancelAnimationFrame(this.frame);
    this.levels.close();
    this.redraw();
  }

  /** Milliseconds since the call began. */
  get now(): number {
    return this.began ? performance.now() - this.began : 0;
  }

  redraw(): void {
    this.lanes.draw(this.timeline, this.drawn);
  }

  take(event: RealtimeEvent): void {
    const { timeline, now } = this;
    const happening = happenings[event.type];
    if (happening) timeline.happen(happening, now);
    switch (event.type) {
      case "talkover.state":
        return this.state(String(event["user"]), String(event["agent"]));
      case "talkover.word":
        return timeline.say("agent", `${event["item_id"]}:${event["start"]}`, now, String(event["text"]));
      case "talkover.partial":
        return timeline.say("user", String(event["item_id"]), this.userSince, String(event["text"]));
      case "conversation.item.input_audio_transcription.completed":
        return timeline.say("user", String(event["item_id"]), this.userSince, String(event["transcript"]));
      case "talkover.backchannel":
        return timeline.say("user", String(event["event_id"]), this.userSince, String(event["text"]));
      case "response.done":
        if ((event["response"] as { status: string }).status === "cancelled" && this.agentSounded) {
          timeline.happen("cut", now);
        }
    }
  }

  private state(user: string, agent: string): void {
    if (user === "speaking" && byTest("user-state").textContent !== "speaking") this.userSince = this.now;
    const sounded = SOUNDING.has(this.agentState);
    if (sounded || SOUNDING.has(agent)) this.agentSounded = true;
    if (agent === "thinking") this.agentSounded = false;
    this.agentState = agent;
    byTest("user-state").textContent = user;
    byTest("agent-state").textContent = agent;
    byTest("lanes").dataset["user"] = user;
    byTest("lanes").dataset["agent"] = agent;
  }

  private tick = (time: number): void => {
    this.frame = requestAnimationFrame(this.tick);
    this.timeline.push(this.now, this.levels.of("user"), this.levels.of("agent"));
    if (this.slow && time - this.began - this.drawn < SLOW_MS) return;
    this.drawn = this.now;
    this.redraw();
  };
}
