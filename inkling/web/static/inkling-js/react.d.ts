// <inkling-pad> in React's JSX.
import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { InklingPad, PadAttributes } from "./element.js";

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "inkling-pad": DetailedHTMLProps<HTMLAttributes<InklingPad>, InklingPad> & PadAttributes;
    }
  }
}
