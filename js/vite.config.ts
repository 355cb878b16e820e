import { defineConfig, transformWithEsbuild, type Plugin } from "vite";

/** Where a class only names its fields: what its constructor is given is declared once more. */
function named(node: object): { start: number; end: number }[] {
  const { type, value, start, end } = node as { type?: string; value: unknown; start: number; end: number };
  if (type === "PropertyDefinition" && value === null) return [{ start, end }];
  return Object.values(node).flatMap((child) => (child && typeof child === "object" ? named(child) : []));
}

/** What the bundler leaves as it was written: the pages' indents and quotes, the worklet, fields without a value. */
const small: Plugin = {
  name: "small",
  enforce: "post",
  transform(code, id) {
    if (!id.endsWith(".ts")) return null;
    const cut = (text: string, { start, end }: { start: number; end: number }): string =>
      text.slice(0, start) + text.slice(end);
    return { code: named(this.parse(code)).reduceRight(cut, code), map: null };
  },
  // Everything is of one origin, and a value of one word needs no quotes.
  transformIndexHtml: {
    order: "post",
    handler: (html) =>
      html.replace(/\s*\n\s*/g, "\n").replaceAll(" crossorigin", "").replace(/="([\w-]+)"/g, "=$1"),
  },
  async generateBundle(_, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.type !== "asset" || !file.fileName.endsWith(".js")) continue;
      const source = new TextDecoder().decode(file.source as Uint8Array);
      file.source = (await transformWithEsbuild(source, file.fileName, { minify: true })).code;
    }
  },
};

export default defineConfig({
  root: "console",
  base: "./",
  plugins: [small],
  build: {
    rollupOptions: { input: ["console/index.html", "console/operate.html"] },
    outDir: "../../python/talkover/gateway/static",
    emptyOutDir: true,
    target: "es2022",
    // A hundredth less than esbuild's, where every byte is counted.
    minify: "terser",
    // Unsafe for code that looks at its functions' prototypes, or at objects made into strings.
    terserOptions: {
      ecma: 2020, compress: { passes: 3, hoist_funs: true, unsafe: true, unsafe_arrows: true },
    },
    // The page's policy allows no inline anything.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
