export { Call, MOVED, RESUMED, type Options } from "./call.js";
export { CallError, type CallState, type RealtimeEvent, type Transport } from "./events.js";
export type { Leg, Listener, Stats, Way } from "./leg.js";
export type { Server } from "./server.js";
export { Levels } from "./levels.js";
