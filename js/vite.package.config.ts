import { defineConfig } from "vite";

/** The package as `npm pack` makes it: what runs in a browser, and what runs in a backend. */
export default defineConfig({
  build: {
    lib: {
      entry: { index: "client/index.ts", "server/index": "client/server/index.ts" },
      formats: ["es"],
    },
    outDir: "dist",
    target: "es2022",
    minify: false,
  },
});
