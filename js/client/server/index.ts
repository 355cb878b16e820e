export {
  Backend, type BackendOptions, type ClientSecret, type History, type MintOptions, type Session,
} from "./backend.js";
export { BackendError, WebhookError } from "./errors.js";
export type { ClientEvent, Content, Events, Item, Response, ServerEvent, Trouble } from "./events.js";
export { Steering, type Injected } from "./steering.js";
export { Watch, type SocketClass, type WatchOptions } from "./watch.js";
export { verify, type Webhook } from "./webhooks.js";
