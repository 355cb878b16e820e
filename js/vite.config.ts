import { defineConfig } from "vite";

export default defineConfig({
  root: "console",
  base: "./",
  build: {
    outDir: "../../python/talkover/gateway/static",
    emptyOutDir: true,
    target: "es2022",
    // The page's policy allows no inline anything.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
