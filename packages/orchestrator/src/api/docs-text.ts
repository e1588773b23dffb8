import { html, type Html } from "./html.ts";

/** Text as paragraphs: blank lines part them, what stands in backquotes is code. */
export function paragraphs(text = ""): Html {
  const blocks = text.split(/\n{2,}/).filter((block) => block !== "");
  return html`${blocks.map((block) => html`<p>${codeAndText(block)}</p>`)}`;
}

function codeAndText(block: string): Html[] {
  return block
    .split("`")
    .map((piece, index) => (index % 2 === 1 ? html`<code>${piece}</code>` : html`${piece}`));
}
