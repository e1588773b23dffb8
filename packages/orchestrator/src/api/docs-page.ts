/** The human page of the API, made from its OpenAPI document: one file, no script, nothing loaded. */
import { createHash } from "node:crypto";
import { ERRORS, type ErrorCode } from "@porchlight/protocol/errors";
import { fieldTable, type Schema } from "./docs-fields.ts";
import { operationSection, operationsOf, type OpenApiDocument } from "./docs-operation.ts";
import { paragraphs } from "./docs-text.ts";
import { html, Html } from "./html.ts";
import { HTTP_STATUS } from "./problem.ts";

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3 { margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; }
td { border-top: 1px solid var(--line); }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; border-radius: .3rem; }
nav ul { columns: 18rem; padding-left: 1.2rem; }
`;

/** For a Content-Security-Policy: the page's only style. */
export const DOCS_STYLE_HASH = `sha256-${createHash("sha256").update(STYLE).digest("base64")}`;

/** In one piece, since white space around it would change its hash. */
const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`);

/** The whole page. */
export function docsPage(document: OpenApiDocument): string {
  const { title, version } = document.info;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${title} API</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <h1>${title} API <small>${version}</small></h1>
        ${paragraphs(document.info.description)}
        <p>
          The same for programs: <a href="openapi.json">openapi.json</a>. The examples take the
          orchestrator's address from <code>PORCHLIGHT_URL</code> and a key from
          <code>PORCHLIGHT_KEY</code>.
        </p>
        ${contents(document)}
        <main>${sections(document)}</main>
      </body>
    </html> `;
  return page.toString();
}

function contents(document: OpenApiDocument): Html {
  const shapes = Object.keys(document.components.schemas);
  return html`<nav>
    <ul>
      ${operationsOf(document).map(
        ({ anchor, method, path }) => html`<li><a href="#${anchor}">${method} ${path}</a></li>`,
      )}
      ${shapes.map((name) => html`<li><a href="#${name}">${name}</a></li>`)}
    </ul>
  </nav>`;
}

function sections(document: OpenApiDocument): Html {
  const { schemas } = document.components;
  return html`
    <h2>Routes</h2>
    ${operationsOf(document).map((operation) => operationSection(operation, schemas))}
    <h2>Shapes</h2>
    <p>* is always there, or has to be.</p>
    ${Object.entries(schemas)
      .filter(([, schema]) => schema.properties !== undefined)
      .map(([name, schema]) => shapeSection(name, schema))}
    <h2 id="ErrorCode">Error codes</h2>
    ${errorTable()}
  `;
}

function shapeSection(name: string, schema: Schema): Html {
  const [example] = schema.examples ?? [];
  const text = example === undefined ? undefined : JSON.stringify(example, undefined, 2);
  return html`<section id="${name}">
    <h3>${name}</h3>
    ${fieldTable(schema)} ${text === undefined ? undefined : html`<pre>${text}</pre>`}
  </section>`;
}

const RETRY_WORDS = { never: "no", "other-agent": "yes", later: "later" } as const;

function errorTable(): Html {
  return html`<table>
    <thead>
      <tr>
        <th>Code</th>
        <th>Status</th>
        <th>Meaning</th>
        <th>Fault</th>
        <th>Try again</th>
      </tr>
    </thead>
    <tbody>
      ${(Object.keys(ERRORS) as ErrorCode[]).map(errorRow)}
    </tbody>
  </table>`;
}

function errorRow(code: ErrorCode): Html {
  const { title, fault, retry } = ERRORS[code];
  return html`<tr id="${code}">
    <td><code>${code}</code></td>
    <td>${HTTP_STATUS[code]}</td>
    <td>${title}</td>
    <td>${fault}</td>
    <td>${RETRY_WORDS[retry]}</td>
  </tr>`;
}
