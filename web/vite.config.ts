/// <reference types="vitest/config" />
import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `CHARON_API` is where `npm run dev` sends API calls: the mock by default, or a running charon.
const target = process.env.CHARON_API ?? "http://127.0.0.1:8099";
// The host stays as the browser sent it: Charon compares it with the origin.
const proxy = { "^/api/": { target, changeOrigin: false } };

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: { proxy },
  preview: { proxy },
  build: {
    target: "es2023",
    // The policy of the binary allows no data: scripts or fonts; small files stay files.
    assetsInlineLimit: 0,
    // The budget script reads which chunk belongs to which route from here.
    manifest: true,
    modulePreload: { polyfill: false },
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test-setup.ts"],
  },
});
