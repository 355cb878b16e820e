import { CallError } from "../../client";
import { Inspector } from "../inspect/inspector";
import { AboutView } from "./about";
import { Conversation } from "./conversation";
import { byTest, find, part } from "./dom";
import { Key } from "./key";
import { listen } from "./keyboard";
import { Lanes } from "./lanes";
import { advice } from "./microphone";
import { Notices } from "./notice";
import { Preview } from "./preview";
import { openRecordings } from "./recording";
import { Settings } from "./settings";
import { example } from "./timeline";

const EXAMPLE_MS = 9000;
const EXAMPLE_FADE = 80;

const key = new Key();
const notices = new Notices();
const settings = new Settings();
const preview = new Preview(
  () => settings.wishes,
  (error) => notices.say("call", { tone: "alarm", ...advice(error) }),
);
const conversation: Conversation = new Conversation(
  key, notices, settings, preview, () => about.about?.media_port,
);
const about: AboutView = new AboutView(
  key, notices, (text) => void conversation.start(text),
  () => !conversation.isLive && !conversation.isDialling,
);
const inspector = new Inspector(byTest("inspector"), (event) => {
  conversation.call?.send(event);
  return conversation.isLive ? "" : "There is no call: start one first.";
});
Object.assign(window, { talkover: conversation });

function showExample(): void {
  new Lanes(find("[data-testid=example] canvas"), EXAMPLE_FADE).draw(example(), EXAMPLE_MS);
}

async function useKey(form: HTMLFormElement): Promise<void> {
  part("key-trouble").textContent = "";
  try {
    await key.use(String(new FormData(form).get("key")));
    form.reset();
    notices.say("call", null);
  } catch (error) {
    part("key-trouble").textContent = error instanceof CallError ? error.message : "The server is gone.";
  }
  about.showKey();
  if (!key.missing) byTest("start").focus();
}

function wireCall(): void {
  byTest("start").onclick = byTest("again").onclick = () => void conversation.start();
  byTest("back").onclick = () => conversation.leave();
  byTest("hangup").onclick = () => conversation.hangUp();
  byTest("mute").onclick = () => conversation.toggleMute();
  byTest("interrupt").onclick = () => conversation.interrupt();
  find<HTMLFormElement>(".compose").onsubmit = (event) => {
    event.preventDefault();
    const input = byTest<HTMLInputElement>("text-input");
    conversation.type(input.value.trim());
    input.value = "";
  };
  const talk = byTest("talk");
  talk.onpointerdown = (event) => {
    talk.setPointerCapture(event.pointerId);
    conversation.push();
  };
  talk.onpointerup = talk.onpointercancel = () => conversation.letGo();
  talk.onkeydown = (event) => [" ", "Enter"].includes(event.key) && !event.repeat && conversation.push();
  talk.onkeyup = (event) => [" ", "Enter"].includes(event.key) && conversation.letGo();
}

/** The inspector is a developer's. */
function showEvents(open: boolean): void {
  const { isDeveloper } = settings;
  byTest("events-button").hidden = !isDeveloper;
  byTest("events-button").setAttribute("aria-expanded", String(open && isDeveloper));
  byTest("inspector").hidden = !open || !isDeveloper;
  // The lanes have another width now.
  dispatchEvent(new Event("resize"));
}

function wireEvents(): void {
  conversation.onBegin = () => inspector.clear();
  conversation.onPassed = (sent, event, at) => inspector.add(sent, event, at);
  settings.onDeveloper = () => showEvents(!byTest("inspector").hidden);
  byTest("events-button").onclick = toggleEvents;
  showEvents(false);
}

const toggleEvents = (): void => showEvents(byTest("inspector").hidden);

function wireKeys(): void {
  const help = byTest<HTMLDialogElement>("keys-help");
  byTest("keys-button").onclick = () => help.showModal();
  listen({
    " ": {
      down: () => (conversation.isLive ? conversation.push() : void begin()),
      up: () => conversation.letGo(),
    },
    escape: { down: () => (settings.isOpen ? settings.toggle(false) : conversation.interrupt()) },
    m: { down: () => conversation.toggleMute() },
    h: { down: () => conversation.hangUp() },
    "/": { down: () => byTest("text-input").focus() },
    e: { down: toggleEvents },
    ",": { down: () => settings.toggle() },
    "?": { down: () => help.showModal() },
  });
}

async function begin(): Promise<void> {
  if (!key.missing) await conversation.start();
}

settings.onMicrophone = () => {
  void conversation.changeMicrophone();
  if (preview.isOpen) void preview.open();
};
settings.onSpeaker = () => void conversation.changeSpeaker();
settings.onPolicy = () => conversation.applyPolicy();
byTest<HTMLFormElement>("key-form").onsubmit = (event) => {
  event.preventDefault();
  void useKey(event.target as HTMLFormElement);
};
wireCall();
wireKeys();
wireEvents();
conversation.applyPolicy();
void document.fonts.ready.then(showExample);
addEventListener("resize", showExample);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showExample);
openRecordings((text) => notices.say("call", { tone: "alarm", title: "This is no recording.", text }));
void about.look();
void preview.openIfAllowed();
