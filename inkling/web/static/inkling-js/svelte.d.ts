// <inkling-pad> in Svelte's templates.
import type { HTMLAttributes } from "svelte/elements";
import type { InklingPad, PadAttributes } from "./element.js";

declare module "svelte/elements" {
  interface SvelteHTMLElements {
    "inkling-pad": HTMLAttributes<InklingPad> & PadAttributes;
  }
}
