import { defineConfig } from "vite";

/** The package as `npm pack` makes it: what runs in a browser, in a backend, and in tests. */
export default defineConfig({
  build: {
    lib: {
      entry: {
        index: "client/index.ts", "server/index": "client/server/index.ts", testing: "client/testing.ts",
      },
      formats: ["es"],
    },
    rollupOptions: { output: { chunkFileNames: "[name].js" } },
    outDir: "dist",
    target: "es2022",
    minify: false,
  },
});
