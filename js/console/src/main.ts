import { Call, CallError, type CallState, type RealtimeEvent } from "../../client";
import { Lanes, type Happening } from "./lanes";
import { TranscriptView, node } from "./show";
import { Transcript } from "./transcript";

interface Engine {
  name: string; role: string; where: string; demo: boolean; leaves_machine: boolean; note: string;
}
interface About {
  agents: string[]; engines: Engine[]; tries: string[]; auth_required: boolean;
  error: { message: string; file?: string; line?: number } | null;
}

const MOST_EVENTS = 500;
const find = <T extends HTMLElement>(selector: string): T => {
  const found = document.querySelector<T>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
};
const test = <T extends HTMLElement>(id: string) => find<T>(`[data-testid="${id}"]`);
const part = <T extends HTMLElement>(id: string) => find<T>(`[data-id="${id}"]`);

const shared = { call: null as Call | null, events: [] as RealtimeEvent[], state: "idle" as CallState };
Object.assign(window, { talkover: shared });

let microphone: MediaStream | null = null;
let lanes: Lanes | null = null;
let transcript = new Transcript();
let key = new URLSearchParams(location.hash.slice(1)).get("key") ?? "";
let keyNeeded = false;
const view = new TranscriptView(test("transcript"));
const settings = {
  microphone: part<HTMLSelectElement>("microphone"),
  speaker: part<HTMLSelectElement>("speaker"),
  push: part<HTMLInputElement>("push"),
  loud: part<HTMLInputElement>("loud"),
  silence: part<HTMLInputElement>("silence"),
  interrupt: part<HTMLInputElement>("interrupt"),
};

function become(state: CallState, reason = ""): void {
  shared.state = state;
  test("state").textContent = state;
  document.body.dataset["phase"] = state === "ended" ? "idle" : state;
  test<HTMLButtonElement>("start").disabled = state === "connecting";
  const told = state === "ended" && reason !== "hung up" ? `The call ended: ${reason}.` : reason;
  notice(state === "error" || state === "reconnecting" || state === "ended" ? told : "");
  if (state === "ended" || state === "error") tidy();
}

function notice(text: string): void {
  const shown = test("notice");
  shown.textContent = text === "hung up" ? "" : text;
  shown.hidden = shown.textContent === "";
}

async function start(ask = ""): Promise<void> {
  if (shared.state === "connecting" || shared.state === "live") return;
  transcript = new Transcript();
  view.clear();
  shared.events.length = 0;
  become("connecting");
  try {
    microphone = await openMicrophone();
    lanes = new Lanes(find("canvas"));
    lanes.listen("user", microphone);
    const token = await secret();
    shared.call = new Call({
      microphone,
      ...(token ? { token } : {}),
      ...(agent() ? { agent: agent() } : {}),
      onEvent: take,
      onState: become,
      onVoice: hear,
    });
    await shared.call.connect();
    if (shared.call.transport === "websocket") {
      notice("Media ports are blocked here, so this call goes over the WebSocket.");
    }
    if (settings.push.checked || settings.silence.value !== "350") sendPolicy();
    if (ask) shared.call.type(ask);
  } catch (error) {
    become("error", advice(error));
  }
}

async function openMicrophone(): Promise<MediaStream> {
  if (!navigator.mediaDevices) {
    throw new CallError(
      "A browser gives its microphone only to HTTPS pages. Start the server with --tls.", "no_https",
    );
  }
  const id = settings.microphone.value;
  const audio = { echoCancellation: !settings.loud.checked, ...(id ? { deviceId: { exact: id } } : {}) };
  return navigator.mediaDevices.getUserMedia({ audio });
}

function advice(error: unknown): string {
  if (error instanceof DOMException && error.name === "NotAllowedError") {
    return "The microphone is blocked. Allow it in the address bar, then start again.";
  }
  if (error instanceof DOMException && error.name === "NotFoundError") {
    return "There is no microphone. Plug one in, then start again.";
  }
  if (error instanceof CallError && error.status === 503) return `${error.message} (The server is full.)`;
  return error instanceof Error ? error.message : String(error);
}

async function secret(): Promise<string> {
  if (!key || !keyNeeded) return "";
  const response = await fetch("/v1/realtime/client_secrets", {
    method: "POST", headers: { Authorization: `Bearer ${key}` }, body: "{}",
  });
  if (!response.ok) {
    key = "";
    part("key-form").hidden = false;
    throw new CallError("The server refuses this key. Enter it again.", "key", response.status);
  }
  return String(((await response.json()) as { value: string }).value);
}

function hear(voice: MediaStream): void {
  const audio = find<HTMLAudioElement>("audio");
  audio.srcObject = voice;
  void audio.play();
  lanes?.listen("agent", voice);
}

const happenings: Record<string, Happening> = {
  "talkover.ducked": "duck", "talkover.held": "hold", "talkover.resumed": "resume",
  "output_audio_buffer.cleared": "cut",
};

function take(event: RealtimeEvent): void {
  shared.events.push(event);
  if (shared.events.length > MOST_EVENTS) shared.events.shift();
  const happening = happenings[event.type];
  if (happening) lanes?.timeline.happen(happening);
  if (transcript.take(event)) view.show(transcript.entries);
}

function tidy(): void {
  for (const track of microphone?.getTracks() ?? []) track.stop();
  microphone = null;
  lanes?.stop();
  lanes = null;
  network("not connected", false);
}

function network(text: string, bad: boolean): void {
  test("network").textContent = text;
  test("network").classList.toggle("bad", bad);
}

async function look(): Promise<void> {
  if (lanes) part("meter").style.transform = `scaleX(${Math.min(1, lanes.level("user") * 4)})`;
  if (shared.state !== "live" || !shared.call) return;
  const { transport, rttMs, lossPercent, jitterMs } = await shared.call.stats();
  const facts = [transport.toUpperCase()];
  if (rttMs !== null) facts.push(`RTT ${rttMs.toFixed(0)} ms`);
  if (lossPercent !== null) facts.push(`loss ${lossPercent.toFixed(1)} %`);
  if (jitterMs !== null) facts.push(`jitter ${jitterMs.toFixed(0)} ms`);
  const bad = (lossPercent ?? 0) > 5 || (rttMs ?? 0) > 400;
  network(facts.join(" · ") + (bad ? ". The network is weak: move closer to the router." : ""), bad);
}

const agent = () => part<HTMLSelectElement>("agent").value;

function sendPolicy(): void {
  const silence = Number(settings.silence.value);
  part("silence-shown").textContent = `${silence} ms`;
  const detection = settings.push.checked ? null : {
    type: "server_vad", silence_duration_ms: silence,
    interrupt_response: settings.interrupt.checked, create_response: true,
  };
  test("talk").hidden = !settings.push.checked;
  shared.call?.mute(settings.push.checked);
  shared.call?.send({
    type: "session.update",
    session: { type: "realtime", audio: { input: { turn_detection: detection } } },
  });
}

function pushed(down: boolean): void {
  if (shared.state !== "live" || !settings.push.checked) return;
  shared.call?.mute(!down);
  if (down) shared.call?.interrupt();
  else {
    // What was just said is still on its way.
    setTimeout(() => {
      shared.call?.send({ type: "input_audio_buffer.commit" });
      shared.call?.send({ type: "response.create" });
    }, 200);
  }
}

async function about(): Promise<void> {
  if (shared.state === "live" || shared.state === "connecting") return;
  let found: About;
  try {
    found = (await (await fetch("/console.json")).json()) as About;
  } catch {
    notice("The server is not answering. Start it with: talkover serve");
    return;
  }
  keyNeeded = found.auth_required;
  part("key-form").hidden = !keyNeeded || key !== "";
  if (found.error) {
    const { file, line, message } = found.error;
    notice(file && !message.includes(file) ? `${message}\n${file}:${line}` : message);
  } else if (shared.state === "idle") notice("");
  test("chips").replaceChildren(...found.tries.map(chip));
  find(".engines tbody").replaceChildren(...found.engines.map(row));
  const select = part<HTMLSelectElement>("agent");
  if (select.options.length !== found.agents.length) {
    select.replaceChildren(...found.agents.map((name) => new Option(name)));
    find(".agents").hidden = found.agents.length < 2;
  }
}

function chip(text: string): HTMLElement {
  const item = document.createElement("li");
  const button = node("button", "", text);
  button.dataset["testid"] = "chip";
  button.onclick = () => void start(text);
  item.append(button);
  return item;
}

const ROLES: Record<string, string> = { stt: "hears", llm: "thinks", tts: "speaks" };

function row(engine: Engine): HTMLElement {
  const made = document.createElement("tr");
  const badge = node("span", engine.demo ? "badge" : "badge real", engine.demo ? "scripted demo" : "real");
  const where = `${engine.where}${engine.leaves_machine ? ", leaves this machine" : ""}`;
  const cells = [node("td", "", ROLES[engine.role] ?? engine.role), node("td", "", ""), node("td", "", ""),
    node("td", "", where)];
  cells[1]?.append(node("b", "", engine.name));
  cells[2]?.append(badge);
  made.append(...cells);
  return made;
}

async function devices(): Promise<void> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const fill = (select: HTMLSelectElement, kind: string) =>
    select.replaceChildren(
      ...all.filter((d) => d.kind === kind).map((d, n) => new Option(d.label || `${kind} ${n + 1}`, d.deviceId)),
    );
  fill(settings.microphone, "audioinput");
  fill(settings.speaker, "audiooutput");
}

async function changeMicrophone(): Promise<void> {
  if (shared.state !== "live") return;
  const before = microphone;
  microphone = await openMicrophone();
  await shared.call?.replaceMicrophone(microphone);
  lanes?.listen("user", microphone);
  for (const track of before?.getTracks() ?? []) track.stop();
}

function wire(): void {
  test("start").onclick = () => void start();
  test("hangup").onclick = () => shared.call?.hangUp();
  test("mute").onclick = toggleMute;
  find<HTMLFormElement>(".compose").onsubmit = (event) => {
    event.preventDefault();
    const input = test<HTMLInputElement>("text-input");
    if (input.value.trim()) shared.call?.type(input.value.trim());
    input.value = "";
  };
  part<HTMLFormElement>("key-form").onsubmit = (event) => {
    event.preventDefault();
    key = String(new FormData(event.target as HTMLFormElement).get("key"));
    part("key-form").hidden = true;
    notice("");
  };
  part("settings-button").onclick = () => {
    const panel = part("settings");
    panel.hidden = !panel.hidden;
    part("settings-button").setAttribute("aria-expanded", String(!panel.hidden));
    void devices();
  };
  part("keys-button").onclick = () => test<HTMLDialogElement>("keys-help").showModal();
  for (const input of [settings.push, settings.silence, settings.interrupt]) input.onchange = sendPolicy;
  for (const input of [settings.microphone, settings.loud]) input.onchange = () => void changeMicrophone();
  settings.speaker.onchange = () => {
    const audio = find<HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> }>("audio");
    void audio.setSinkId?.(settings.speaker.value);
  };
  part("copy").onclick = () => {
    const toml = `[turn]\nsilence_ms = ${settings.silence.value}\n`;
    void navigator.clipboard.writeText(toml);
  };
  test("talk").onpointerdown = () => pushed(true);
  test("talk").onpointerup = () => pushed(false);
  document.onkeydown = (event) => pressed(event);
  document.onkeyup = (event) => event.code === "Space" && !inField(event) && pushed(false);
}

function toggleMute(): void {
  const button = test("mute");
  const muted = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(muted));
  button.textContent = muted ? "Unmute" : "Mute";
  shared.call?.mute(muted);
}

const inField = (event: Event) => (event.target as HTMLElement).matches("input, select, button, textarea");

function pressed(event: KeyboardEvent): void {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") shared.call?.interrupt();
  if (inField(event)) return;
  const live = shared.state === "live";
  const keys: Record<string, () => void> = {
    " ": () => (live ? pushed(true) : void start()),
    m: () => live && toggleMute(),
    h: () => live && shared.call?.hangUp(),
    "/": () => test("text-input").focus(),
    "?": () => test<HTMLDialogElement>("keys-help").showModal(),
  };
  const act = keys[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
}

wire();
void about();
setInterval(() => void about(), 3000);
setInterval(() => void look(), 250);
