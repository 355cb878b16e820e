import { byTest } from "../src/dom";
import type { Api } from "./api";
import { isLive, type Line } from "./fleet";
import type { Answer, Question } from "./ask";
import type { Deeds } from "./deeds";
import { Listening } from "./listening";
import type { Room } from "./room";

const BUTTONS = ["listen", "whisper", "say", "take-over", "end", "delete"] as const;
type Act = (typeof BUTTONS)[number];

/** What an operator does to the call that is shown. */
export class Controls {
  private listening: Listening | null = null;
  private readonly acts: Record<Act, (line: Line) => Promise<unknown>> = {
    listen: (line) => (this.listening ? this.stop("Listened no longer") : this.listen(line)),
    whisper: (line) => this.whisper(line),
    say: (line) => this.say(line),
    "take-over": (line) => this.takeOver(line),
    end: (line) => this.end(line),
    delete: (line) => this.delete(line),
  };

  constructor(private readonly api: Api, private readonly deeds: Deeds, private readonly room: Room) {
    for (const name of BUTTONS) {
      byTest(name).onclick = () => void (room.line && this.acts[name](room.line));
    }
  }

  /** The buttons say how things are. */
  show(): void {
    const { line, taken } = this.room;
    for (const name of BUTTONS) {
      byTest<HTMLButtonElement>(name).disabled = !line || (name !== "delete" && !isLive(line));
    }
    press("listen", this.listening !== null, "Listen", "Stop listening");
    press("take-over", taken, "Take over", "Hand back");
  }

  /** Another call is shown, or none. */
  leave(): void {
    if (this.listening) void this.stop("Listened no longer");
  }

  private confirm(
    what: string, line: Line, question: Question, run: (answer: Answer) => Promise<string | void>,
  ): Promise<boolean> {
    return this.deeds.confirm(`${what} ${named(line)}`, question, run);
  }

  private async listen(line: Line): Promise<boolean> {
    return this.confirm("Listened to", line, {
      title: "Listen to this call?", act: "Listen",
      text: "You hear both sides as they speak. Neither is told; whether that is allowed is for you to know.",
    }, () => this.hear(line));
  }

  private async hear(line: Line): Promise<void> {
    const over = (): void => {
      this.listening = null;
      this.deeds.write(`Listened to ${named(line)}`, "it is over");
      this.show();
    };
    this.listening = await Listening.open(this.api.socket(line.call_id, true), over);
    // The call may have been left while it was connected.
    if (this.room.line?.id !== line.id) this.leave();
    this.show();
  }

  private async stop(what: string): Promise<void> {
    this.listening?.close();
    this.listening = null;
    this.room.taken = false;
    if (this.room.line) this.deeds.write(`${what} to ${named(this.room.line)}`, "done");
    this.show();
  }

  private whisper(line: Line): Promise<boolean> {
    return this.confirm("Whispered to", line, {
      title: "Whisper to the agent", act: "Whisper", field: "What the agent is to know",
      text: "The caller hears nothing of it; the agent goes by it from its next answer on.",
    }, ({ text }) => this.api.steer(line.id, whispered(text)));
  }

  private say(line: Line): Promise<boolean> {
    return this.confirm("Said to", line, {
      title: "Say something in the agent's voice", act: "Say it", field: "What the caller is to hear",
      text: "It is spoken now, word for word, and remembered as the agent's own words.",
    }, ({ text }) => this.api.steer(line.id, spoken(text)));
  }

  private async takeOver(line: Line): Promise<boolean | void> {
    if (this.room.taken) {
      if (this.listening) await this.listening.takeOver(false);
      else await this.api.steer(line.id, { type: "talkover.take_over", on: false });
      return this.deeds.write(`Handed back ${named(line)}`, "done");
    }
    return this.confirm("Took over", line, {
      title: "Speak in the agent's place?", act: "Take over", alarming: true,
      text: "The agent falls silent, and the caller hears your microphone until you hand the call back or leave it.",
    }, async () => {
      if (!this.listening) await this.hear(line);
      await this.listening?.takeOver(true);
    });
  }

  private end(line: Line): Promise<boolean> {
    return this.confirm("Ended", line, {
      title: "End this call?", act: "End the call", alarming: true,
      text: "The caller is cut off now, whatever is being said.",
    }, () => this.api.ask("POST", `/v1/realtime/calls/${line.call_id}/hangup`));
  }

  private async delete(line: Line): Promise<void> {
    const done = await this.confirm("Deleted", line, {
      title: "Delete this call?", act: "Delete for good", alarming: true,
      text: "It ends if it is live, and all that was said in it is removed. This cannot be undone.",
    }, () => this.api.ask("DELETE", `/v1/sessions/${line.id}`));
    if (done) location.hash = "";
  }
}

export const spoken = (text: string) => ({ type: "talkover.say", text });
export const whispered = (text: string) => ({
  type: "conversation.item.create",
  item: { type: "message", role: "system", content: [{ type: "input_text", text }] },
});

const named = ({ agent, user, id }: Line) => `${[agent, user].filter(Boolean).join(" · ") || "call"} (${id.slice(0, 13)}…)`;

function press(id: Act, on: boolean, off: string, down: string): void {
  byTest(id).setAttribute("aria-pressed", String(on));
  byTest(id).textContent = on ? down : off;
}
