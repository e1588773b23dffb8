import assert from "node:assert/strict";
import { test } from "node:test";
import { html } from "./html.ts";

test("html: what is put in is escaped, templates in templates are not", () => {
  const items = ["<a>", "\"&'"].map((text) => html`<b>${text}</b>`);
  const page = html`<i title="${'"'}">${items}${undefined}${5}</i>`.toString();
  assert.equal(page, '<i title="&quot;"><b>&lt;a&gt;</b><b>&quot;&amp;&#39;</b>5</i>');
});
