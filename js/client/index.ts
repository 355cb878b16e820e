export { Call, MOVED, RESUMED, type Options } from "./call";
export { CallError, type CallState, type RealtimeEvent, type Transport } from "./events";
export type { Stats } from "./leg";
