import { CallError } from "./events.js";
import { base64 } from "./pcm.js";

/** The picture as a data URL. CallError where it is none. */
export async function dataUrl(image: Blob | string): Promise<string> {
  const url =
    typeof image === "string"
      ? image
      : `data:${image.type};base64,${base64(new Uint8Array(await image.arrayBuffer()))}`;
  if (/^data:image\/[\w.+-]+;base64,./.test(url)) return url;
  throw new CallError("This is no picture: give a Blob of an image type, or a data URL of one.", "no_picture");
}
