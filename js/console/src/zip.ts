const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LONGEST_COMMENT = 65_535;

/** The parts of a zip archive by name. An Error says why there are none. */
export async function unzip(file: Blob): Promise<Map<string, Blob>> {
  const tail = new DataView(await file.slice(Math.max(0, file.size - 22 - LONGEST_COMMENT)).arrayBuffer());
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== END) end--;
  if (end < 0) throw new Error("it is no zip archive, or cut short");
  const [size, start] = [tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  const list = new DataView(await file.slice(start, start + size).arrayBuffer());
  const parts = new Map<string, Blob>();
  let at = 0;
  while (at + 46 <= list.byteLength && list.getUint32(at, true) === ENTRY) {
    const [method, packed] = [list.getUint16(at + 10, true), list.getUint32(at + 20, true)];
    const [name, extra, comment] = [28, 30, 32].map((field) => list.getUint16(at + field, true)) as [number, number, number];
    const bytes = new Uint8Array(list.buffer, at + 46, name);
    parts.set(new TextDecoder().decode(bytes), await part(file, list.getUint32(at + 42, true), packed, method));
    at += 46 + name + extra + comment;
  }
  return parts;
}

async function part(file: Blob, at: number, packed: number, method: number): Promise<Blob> {
  const head = new DataView(await file.slice(at, at + 30).arrayBuffer());
  const start = at + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const found = file.slice(start, start + packed);
  if (method === 0) return found;
  if (method !== 8) throw new Error(`it is packed in a way (${method}) that is not known here`);
  return new Response(found.stream().pipeThrough(new DecompressionStream("deflate-raw"))).blob();
}
