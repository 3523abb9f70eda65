import "inkling-js/pad.js";
import { useState, type FormEvent } from "react";
import { createRoot } from "react-dom/client";

function Form() {
  const [digit, setDigit] = useState("");
  const [sent, setSent] = useState("");
  const send = (event: FormEvent) => {
    event.preventDefault();
    setSent(digit);
  };
  return (
    <form onSubmit={send}>
      <label htmlFor="digit">A digit</label><br />
      <inkling-pad
        id="digit" name="digit" model="../model" required
        value={digit} onInput={(event) => setDigit(event.currentTarget.value)}
      />
      <p>Read: <b id="read">{digit}</b></p>
      <button>Send</button>
      <p>Sent: <b id="sent">{sent}</b></p>
    </form>
  );
}

createRoot(document.getElementById("app")!).render(<Form />);
