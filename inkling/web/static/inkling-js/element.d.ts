// <inkling-pad> for TypeScript: the types of pad.js, and what a page writes.
import type { InklingPad } from "./types/pad.js";

export { InklingPad };

export interface PadAttributes {
  mode?: "digit" | "number";
  format?: string;
  size?: number | string;
  model?: string;
  threshold?: number | string;
  name?: string;
  value?: string;
  required?: boolean;
  disabled?: boolean;
}

declare global {
  interface HTMLElementTagNameMap {
    "inkling-pad": InklingPad;
  }
}
