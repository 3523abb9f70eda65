// <inkling-pad> in Vue's templates.
import type { HTMLAttributes } from "vue";
import type { PadAttributes } from "./element.js";

declare module "vue" {
  interface GlobalComponents {
    "inkling-pad": new () => { $props: HTMLAttributes & PadAttributes };
  }
}
