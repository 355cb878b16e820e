// Compiled by a project that has the package, Node's types and no browser's.

import { Backend, verify, type ServerEvent } from "talkover/server";

export async function follow(backend: Backend, id: string): Promise<number> {
  let words = 0;
  for await (const event of backend.watch(id)) words += wordsOf(event);
  return words;
}

function wordsOf(event: ServerEvent): number {
  switch (event.type) {
    case "conversation.item.input_audio_transcription.completed":
      return event.transcript.split(" ").length;
    case "talkover.ended":
      return event.how === "moved" ? 0 : 1;
    case "response.done":
      // @ts-expect-error: it has no such field
      return event.transcript.length;
    default:
      return 0;
  }
}

export const user = async (request: Request, secret: string): Promise<string | null> =>
  (await verify(request.headers, await request.text(), secret)).data.user;
