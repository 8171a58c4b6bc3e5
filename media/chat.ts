// The chat view: the conversation, the question being typed, and the state of the model; the extension keeps it all.
import type { ChatEntry, FromChatView, ToChatView } from "../server/src/protocol/webview.ts";
import { button, element } from "./dom.ts";
import { AnswerView, type EntryActions, questionElement } from "./entries.ts";
import { loadState, receive, saveState, sender } from "./host.ts";

/** Pixels from the end within which the view follows a growing answer; further up, the user is reading. */
const FOLLOW_DISTANCE_PX = 48;
/** Pixels. The question grows with its text up to this height, then scrolls. */
const MAX_INPUT_HEIGHT_PX = 220;

const EXAMPLES = [
  "What does this project do, and where does it start?",
  "Where are errors handled?",
  "Which files would I change to add a setting?",
];

const DEMO_TEXT = "Demo model: it shows the mechanics, its answers are not useful.";

const send = sender<FromChatView>();

const actions: EntryActions = {
  copy: (text) => send("copy", { text }),
  insert: (text) => send("insert", { text }),
  openLink: (href) => send("openLink", { href }),
  openPlace: ({ uri, startLine, endLine }) => send("openPlace", { uri, startLine, endLine }),
  run: (command) => send("action", { command }),
};

const stateText = element("span", { className: "state-text" });
const demoBox = element("div", {
  className: "demo",
  children: [element("span", { text: DEMO_TEXT }), button("Get Model…", "link", () => actions.run("fathom.getModel"))],
});
const header = element("header", { className: "state", children: [stateText, demoBox] });

const conversation = element("div", {
  className: "conversation",
  attributes: { role: "log", "aria-live": "polite", "aria-label": "Conversation" },
});
const welcome = element("section", {
  className: "welcome",
  children: [
    element("h2", { text: "Ask about this codebase" }),
    element("p", { text: "The model runs on this machine, and nothing leaves it. For example:" }),
    ...EXAMPLES.map((text) => button(text, "example", () => fillIn(text))),
  ],
});
const scroller = element("div", { className: "scroller", children: [welcome, conversation] });
/** For screen readers only: what the eye sees from the button and the moving text. */
const announcer = element("div", {
  className: "visually-hidden",
  attributes: { role: "status", "aria-live": "polite" },
});

const input = element("textarea", {
  attributes: {
    rows: "1",
    placeholder: "Ask about this codebase",
    "aria-label": "Question",
    "aria-describedby": "hint",
  },
});
const sendButton = button("Send", "primary", ask);
const stopButton = button("Stop", "primary", () => send("stop", null));
const newButton = button("New", "secondary", () => send("newConversation", null));
const composer = element("footer", {
  className: "composer",
  children: [
    input,
    element("div", {
      className: "composer-row",
      children: [
        element("span", {
          className: "hint",
          text: "Shift+Enter: new line",
          attributes: { id: "hint" },
        }),
        newButton,
        stopButton,
        sendButton,
      ],
    }),
  ],
});

/** What each message of the extension does. */
const handlers: { [K in keyof ToChatView]: (payload: ToChatView[K]) => void } = {
  restore: ({ entries, busy: isBusy }) => restore(entries, isBusy),
  state: ({ text, demo }) => {
    stateText.textContent = text;
    demoBox.hidden = !demo;
  },
  started: ({ question }) => start(question),
  places: ({ places }) => {
    answer?.showPlaces(places);
    announcer.textContent = `${places.length} places found.`;
  },
  thinking: ({ text }) => answer?.addThinking(text),
  text: ({ text }) => answer?.addText(text),
  note: ({ text }) => answer?.addNote(text),
  finished: ({ entry }) => finish(entry),
};

let answer: AnswerView | undefined;
let busy = false;
/** Whether the end is kept in sight: until the user scrolls up to read. */
let following = true;
/** Height of the conversation when it was last drawn, in pixels. */
let followed = 0;

newButton.title = "New conversation";
document.getElementById("app")?.append(header, scroller, composer, announcer);
const { draft } = loadState();
input.value = typeof draft === "string" ? draft : "";
input.addEventListener("input", inputChanged);
input.addEventListener("keydown", (event) => {
  // While an input method composes, Enter takes its suggestion.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  ask();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && busy) send("stop", null);
});
scroller.addEventListener("scroll", () => {
  following = scroller.scrollTop + scroller.clientHeight >= followed - FOLLOW_DISTANCE_PX;
});
// The state above and the question below grow too, and would push the end out of sight.
new ResizeObserver(followEnd).observe(scroller);
window.addEventListener("focus", focusQuestion);
// On a slow start the view has the focus before this listens.
if (document.hasFocus()) focusQuestion();
inputChanged();
setBusy(false);
receive(handlers);
send("ready", null);

function restore(entries: ChatEntry[], isBusy: boolean): void {
  conversation.replaceChildren();
  answer = undefined;
  for (const [idx, entry] of entries.entries()) {
    if (entry.role === "user") {
      conversation.append(questionElement(entry.text));
      continue;
    }
    answer = addAnswer();
    const isGrowing = isBusy && idx === entries.length - 1;
    if (isGrowing) answer.showKept(entry);
    else answer.finish(entry);
  }
  setBusy(isBusy);
  goToEnd();
}

function start(question: string): void {
  conversation.append(questionElement(question));
  answer = addAnswer();
  setBusy(true);
  announcer.textContent = "The answer begins.";
  goToEnd();
}

function finish(entry: ChatEntry): void {
  answer?.finish(entry);
  answer = undefined;
  setBusy(false);
  announcer.textContent = entry.failure ? "The answer failed." : "The answer is complete.";
}

function addAnswer(): AnswerView {
  const view = new AnswerView(actions, followEnd);
  conversation.append(view.element);
  return view;
}

function ask(): void {
  const text = input.value.trim();
  if (text === "" || busy) return;
  send("ask", { text });
  fillIn("");
}

function fillIn(text: string): void {
  input.value = text;
  inputChanged();
  input.focus();
}

function focusQuestion(): void {
  if (document.activeElement === document.body) input.focus();
}

function inputChanged(): void {
  saveState({ draft: input.value });
  input.style.height = "auto";
  input.style.height = `${Math.min(input.scrollHeight + 2, MAX_INPUT_HEIGHT_PX)}px`;
  sendButton.disabled = input.value.trim() === "";
}

function setBusy(isBusy: boolean): void {
  busy = isBusy;
  const hadFocus = document.activeElement === stopButton || document.activeElement === sendButton;
  stopButton.hidden = !busy;
  sendButton.hidden = busy;
  newButton.hidden = conversation.children.length === 0;
  welcome.hidden = conversation.children.length > 0;
  if (hadFocus) input.focus();
}

function goToEnd(): void {
  following = true;
  followEnd();
}

/** Keeps the end in sight, unless the user scrolled up to read. */
function followEnd(): void {
  followed = scroller.scrollHeight;
  if (following) scroller.scrollTop = followed;
}
