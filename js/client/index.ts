export { Call, type Options, type Stats } from "./call";
export { CallError, type CallState, type RealtimeEvent, type Transport } from "./events";
