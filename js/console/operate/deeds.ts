import { node } from "../src/dom";
import { ask, type Answer, type Question } from "./ask";

const MOST = 200;

/** What was done here: each deed is asked about first, and written down with what came of it. */
export class Deeds {
  constructor(private readonly list: HTMLElement) {
    list.setAttribute("role", "log");
  }

  /** `run` resolves to more that is to be written of it, if there is any. True where it was done. */
  async confirm(
    what: string, question: Question, run: (answer: Answer) => Promise<string | void>,
  ): Promise<boolean> {
    const answer = await ask(question);
    if (!answer) return false;
    const told = answer.text ? `${what}: “${answer.text}”` : what;
    try {
      this.write(told, (await run(answer)) || "done");
      return true;
    } catch (error) {
      this.write(told, error instanceof Error ? error.message : String(error), true);
      return false;
    }
  }

  write(what: string, outcome: string, failed = false): void {
    this.list.querySelector(".empty")?.remove();
    const when = node("time", "when", new Date().toLocaleTimeString());
    const line = node("li", failed ? "failed" : "", when, node("span", "", what), node("b", "", outcome));
    this.list.append(line);
    while (this.list.children.length > MOST) this.list.firstElementChild?.remove();
    this.list.scrollTop = this.list.scrollHeight;
  }
}
