/** One operation of the API as a section of the page: what it does, a line to copy, its body, its answers. */
import { fieldTable, typeName, type Schema } from "./docs-fields.ts";
import { paragraphs } from "./docs-text.ts";
import { html, type Html } from "./html.ts";

interface Media {
  readonly schema?: Schema;
  readonly example?: unknown;
}

type Content = Readonly<Record<string, Media>>;

interface Response {
  readonly description: string;
  readonly content?: Content;
}

interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly unknown[];
  readonly requestBody?: { readonly content: Content };
  readonly responses?: Readonly<Record<string, Response>>;
}

/** What is read of an OpenAPI document. */
export interface OpenApiDocument {
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description?: string;
  };
  /** Path → method in lower case → operation. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** An operation with its place. */
export interface NamedOperation {
  readonly method: string;
  readonly path: string;
  /** Fragment that leads to its section. */
  readonly anchor: string;
  readonly operation: Operation;
}

/** All operations but HEAD, which every GET has too. */
export function operationsOf({ paths }: OpenApiDocument): NamedOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => method !== "head")
      .map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        anchor: `${method}${path.replaceAll(/[^a-z0-9]+/gi, "-")}`,
        operation,
      })),
  );
}

/** The section of one operation. */
export function operationSection(
  { method, path, anchor, operation }: NamedOperation,
  schemas: OpenApiDocument["components"]["schemas"],
): Html {
  const { summary, description, responses = {} } = operation;
  const isOpen = operation.security?.length === 0;
  const [body] = Object.values(operation.requestBody?.content ?? {});
  const example = exampleOf(body, schemas);
  return html`
    <section id="${anchor}">
      <h3><code>${method} ${path}</code></h3>
      <p>
        <b>${summary}</b>
        ${isOpen ? "Open to everybody." : undefined}
      </p>
      ${paragraphs(description)} ${html`<pre>${curl({ method, path, isOpen, example })}</pre>`}
      ${bodySection(body)}
      <table>
        <thead>
          <tr>
            <th>Status</th>
            <th>Answer</th>
          </tr>
        </thead>
        <tbody>
          ${Object.entries(responses).map(([status, response]) => responseRow(status, response))}
        </tbody>
      </table>
    </section>
  `;
}

function exampleOf(
  body: Media | undefined,
  schemas: OpenApiDocument["components"]["schemas"],
): unknown {
  const name = body?.schema?.$ref?.split("/").at(-1) ?? "";
  const schema = schemas[name] ?? body?.schema;
  return body?.example ?? schema?.examples?.[0];
}

function bodySection(body: Media | undefined): Html | undefined {
  if (body?.schema === undefined) return undefined;
  return html`
    <p>Body: ${typeName(body.schema)}</p>
    ${fieldTable(body.schema)}
  `;
}

function responseRow(status: string, { description, content = {} }: Response): Html {
  const schema = Object.values(content)[0]?.schema;
  const type = schema?.$ref === undefined ? undefined : html`(${typeName(schema)})`;
  return html`
    <tr>
      <td>${status}</td>
      <td>${description} ${type}</td>
    </tr>
  `;
}

interface CurlCall {
  readonly method: string;
  readonly path: string;
  readonly isOpen: boolean;
  readonly example: unknown;
}

/** A line for a POSIX shell. */
function curl({ method, path, isOpen, example }: CurlCall): string {
  const parts = ["curl"];
  const impliedMethod = example === undefined ? "GET" : "POST";
  if (method !== impliedMethod) parts.push("-X", method);
  parts.push(`"$PORCHLIGHT_URL${path}"`);
  if (!isOpen) parts.push('-H "Authorization: Bearer $PORCHLIGHT_KEY"');
  if (example !== undefined) {
    const data = JSON.stringify(example).replaceAll("'", String.raw`'\''`);
    parts.push('-H "Content-Type: application/json"', `-d '${data}'`);
  }
  return parts.join(" ");
}
