import { node } from "../src/dom";

export interface Question {
  title: string;
  /** What will happen. */
  text: string;
  /** What the button says. */
  act: string;
  alarming?: boolean;
  /** Something to write first. */
  field?: string;
  /** Something to choose first: its name, and the choices as label and value. */
  choices?: [name: string, options: [label: string, value: string][]][];
}

export interface Answer {
  text: string;
  chosen: string[];
}

/** Asks before something is done; null where it is not to be. */
export function ask({ title, text, act, alarming, field, choices = [] }: Question): Promise<Answer | null> {
  const dialog = node("dialog", "ask");
  const form = node("form", "", node("h2", "", title), node("p", "", text));
  form.method = "dialog";
  dialog.dataset["testid"] = "ask";
  dialog.setAttribute("aria-label", title);
  const selects = choices.map(([name, options]) => {
    const select = node("select", "", ...options.map(([label, value]) => new Option(label, value)));
    form.append(node("label", "", name, select));
    return select;
  });
  const words = node("textarea");
  words.rows = 3;
  words.required = field !== undefined;
  words.onkeydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(yes);
  };
  if (field) form.append(node("label", "", field, words));
  const no = node("button", "", "Cancel");
  no.type = "button";
  no.onclick = () => dialog.close();
  const yes = node("button", alarming ? "end" : "strong", act);
  yes.value = "yes";
  form.append(node("div", "controls", no, yes));
  dialog.append(form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => {
      dialog.remove();
      const said = { text: words.value.trim(), chosen: selects.map(({ value }) => value) };
      resolve(dialog.returnValue === "yes" && (!field || said.text) ? said : null);
    };
  });
}
