import { byTest, find, part } from "../src/dom";
import { Api, Refusal } from "./api";
import { Controls, spoken, whispered } from "./controls";
import { Deeds } from "./deeds";
import { isLive, merge, type Line, type Node } from "./fleet";
import { Room } from "./room";
import { strip } from "./strip";
import { Table } from "./table";

const EVERY_MS = 2000;

type List<T> = { data: T[] };

const api = new Api();
const deeds = new Deeds(byTest("deeds"));
const room = new Room(api);
const controls = new Controls(api, deeds, room);
const table = new Table(part("calls"));
let lines: Line[] = [];
let looking = false;

/** What all nodes tell now. Refusal where the one that was asked tells nothing. */
async function look(): Promise<void> {
  const [{ data: nodes }, own] = await Promise.all([
    api.ask<List<Node>>("GET", "/v1/nodes"), api.ask<List<Line>>("GET", "/v1/sessions"),
  ]);
  const others = nodes.length < 2 ? [] : await Promise.allSettled(
    nodes.map(({ id }) => api.ask<List<Line>>("GET", `/v1/sessions?node=${encodeURIComponent(id)}`)),
  );
  // A node that does not answer is told of by the others.
  const told = others.flatMap((one) => (one.status === "fulfilled" ? [one.value.data] : []));
  lines = merge([own.data, ...told]);
  byTest("nodes").replaceChildren(...strip(nodes, lines));
  table.show(lines);
  for (const line of lines) room.update(line);
  controls.show();
}

async function refresh(): Promise<void> {
  if (looking) return;
  looking = true;
  try {
    await look();
    api.keep();
    byTest("trouble").textContent = "";
    if (document.body.dataset["view"] === "asking") await route();
  } catch (error) {
    refused(error);
  } finally {
    looking = false;
  }
}

function refused(error: unknown): void {
  const told = error instanceof Error ? error.message : String(error);
  if (!(error instanceof Refusal) || ![401, 403].includes(error.status)) {
    byTest("trouble").textContent = told;
    return;
  }
  // Nothing was asked for yet, so there is nothing wrong with it.
  part("key-trouble").textContent =
    error.status === 403 ? told : api.hasKey ? "The server refuses this key. Look at how it was started." : "";
  api.forget();
  room.close();
  document.body.dataset["view"] = "asking";
  byTest("key-form").hidden = false;
  byTest("leave").hidden = true;
  find<HTMLInputElement>("#key").focus();
}

/** The address says what is shown. */
async function route(): Promise<void> {
  const id = location.hash.slice(1);
  byTest("key-form").hidden = true;
  byTest("leave").hidden = !api.hasKey;
  byTest("room").hidden = !id;
  document.body.dataset["view"] = id ? "room" : "fleet";
  controls.leave();
  room.close();
  if (id) {
    const known = lines.find((line) => line.id === id);
    const opened = room.open(id, known);
    part("title").focus();
    await opened;
  }
  controls.show();
}

function wireTools(): void {
  const filter = byTest<HTMLInputElement>("filter");
  filter.oninput = () => {
    table.text = filter.value;
    table.show();
  };
  const chips = document.querySelectorAll<HTMLElement>("[data-state]");
  for (const chip of chips) {
    chip.onclick = () => {
      table.state = chip.dataset["state"]!;
      for (const one of chips) one.setAttribute("aria-pressed", String(one === chip));
      table.show();
    };
  }
  byTest("broadcast").onclick = () => void broadcast();
}

async function broadcast(): Promise<void> {
  const agents = [...new Set(lines.filter(isLive).flatMap(({ agent }) => agent ?? []))].sort();
  await deeds.confirm("Told all calls", {
    title: "Tell all live calls", act: "Tell them", alarming: true, field: "What",
    text: "It reaches every caller, or every agent, that is chosen here, on all nodes, at once.",
    choices: [
      ["Calls of", [["all agents", ""], ...agents.map((name): [string, string] => [name, name])]],
      ["As", [["words in the agent's voice, now", "say"], ["a whisper to the agent", "whisper"]]],
    ],
  }, async ({ text, chosen: [agent, as] }) => {
    const events = [as === "say" ? spoken(text) : whispered(text)];
    const body = { filter: agent ? { agent } : {}, events };
    const { sessions } = await api.ask<{ sessions: number }>("POST", "/v1/sessions/events", body);
    return `${sessions} ${sessions === 1 ? "call" : "calls"}`;
  });
}

byTest<HTMLFormElement>("key-form").onsubmit = (event) => {
  event.preventDefault();
  const form = event.target as HTMLFormElement;
  api.use(String(new FormData(form).get("key")));
  form.reset();
  void refresh();
};
byTest("leave").onclick = () => {
  api.forget();
  location.reload();
};
room.onChange = () => controls.show();
addEventListener("hashchange", () => void route());
addEventListener("pagehide", () => controls.leave());
wireTools();
setInterval(() => {
  const asks = document.body.dataset["view"] === "asking" && !byTest("key-form").hidden;
  if (!document.hidden && !asks) void refresh();
}, EVERY_MS);
void refresh();
