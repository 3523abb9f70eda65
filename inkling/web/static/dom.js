// What every page but the drawing one shares: elements, calls to the server, figures as text.

export const find = (id) => document.getElementById(id);
export const say = (text) => { find("status").textContent = text; };
export const percent = (part, digits = 1) => `${(100 * part).toFixed(digits)} %`;

export function make(kind, properties = {}, ...children) {
  const element = Object.assign(document.createElement(kind), properties);
  element.append(...children);
  return element;
}

export async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw Object.assign(new Error("The server does not answer. Is it still running?"), { lost: true });
  }
  const content = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(`${content.error}. ${content.hint}.`);
  return content;
}

export const telling = (act) => async (...given) => {
  try {
    await act(...given);
  } catch (error) {
    say(error.message);
  }
};

/** A table of rows of text, the first of each its heading. */
export function table(caption, head, rows) {
  const cell = (kind, text, scope) => make(kind, { textContent: text, ...(scope && { scope }) });
  return make("table", {}, make("caption", { textContent: caption }),
    make("thead", {}, make("tr", {}, ...head.map((text) => cell("th", text, "col")))),
    make("tbody", {}, ...rows.map(([first, ...others]) =>
      make("tr", {}, cell("th", first, "row"), ...others.map((text) => cell("td", text))))));
}
