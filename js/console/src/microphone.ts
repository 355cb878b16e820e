import { CallError } from "../../client";

export interface Wishes {
  deviceId: string;
  echoCancellation: boolean;
}

/** The microphone. CallError or the browser's DOMException where there is none to be had. */
export async function openMicrophone({ deviceId, echoCancellation }: Wishes): Promise<MediaStream> {
  if (!navigator.mediaDevices) {
    throw new CallError("A browser gives it only to HTTPS pages: start the server with --tls.", "no_https");
  }
  const chosen = deviceId ? { deviceId: { ideal: deviceId } } : {};
  return navigator.mediaDevices.getUserMedia({ audio: { echoCancellation, ...chosen } });
}

export function release(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Whether it would open without asking. */
export async function isAllowed(): Promise<boolean> {
  try {
    const asked = await navigator.permissions.query({ name: "microphone" as PermissionName });
    return asked.state === "granted";
  } catch {
    return false;
  }
}

/** What went wrong and what to do, in a title and a sentence. */
export function advice(error: unknown): { title: string; text: string } {
  if (error instanceof DOMException && error.name === "NotAllowedError") {
    return { title: "The microphone is blocked.", text: "Allow it in the address bar, then start again." };
  }
  if (error instanceof DOMException && error.name === "NotFoundError") {
    return { title: "There is no microphone.", text: "Plug one in, then start again." };
  }
  if (error instanceof DOMException && error.name === "NotReadableError") {
    return { title: "The microphone is busy.", text: "Close the program that has it, then start again." };
  }
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof CallError) return { title: titles[error.code] ?? titleOf(error.status), text };
  return { title: "The call could not begin.", text };
}

const titles: Record<string, string> = {
  no_https: "This page cannot use a microphone.",
  unreachable: "The server is gone.",
  blocked: "This network lets nothing through.",
  key: "The key does not fit.",
};

function titleOf(status: number): string {
  return status === 503 ? "The server is full." : "The call could not begin.";
}
