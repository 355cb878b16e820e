import { defineConfig, transformWithEsbuild, type Plugin } from "vite";

/** What the bundler leaves as it was written: the pages' indents, and the worklet. */
const small: Plugin = {
  name: "small",
  enforce: "post",
  transformIndexHtml: { order: "post", handler: (html) => html.replace(/\s*\n\s*/g, "\n") },
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
    terserOptions: { compress: { passes: 2 } },
    // The page's policy allows no inline anything.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
