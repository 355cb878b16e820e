import { Backend, BackendError } from "talkover/server";

/** Minted for each request; nothing of it may be cached. */
export const dynamic = "force-dynamic";

/** What the page calls with. The function ends here: the call is between browser and server. */
export async function POST(): Promise<Response> {
  const { TALKOVER_URL: url = "http://127.0.0.1:8080", TALKOVER_KEY: key } = process.env;
  // Where your users log in, their name goes here: the agent sees it as `session.user`.
  const user = "visitor";
  try {
    const { value, iceServers } = await new Backend({ url, key }).mint({ user, maxUses: 1 });
    return Response.json({ url, token: value, iceServers });
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    console.error(error);
    return Response.json({ message: "Nobody can take your call now." }, { status: 503 });
  }
}
