// Builds the four pages into dist/.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import react from "@vitejs/plugin-react";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

const isCustomElement = (tag) => tag === "inkling-pad"; // Vue looks for a component of that name otherwise

export default defineConfig({
  base: "./", // a host may serve the pages below any path
  plugins: [react(), svelte(), vue({ template: { compilerOptions: { isCustomElement } } })],
  build: { rollupOptions: { input: ["html", "react", "svelte", "vue"].map((name) => `${name}/index.html`) } },
});
