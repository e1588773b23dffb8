/** Tables of fields, from JSON Schemas. */
import { html, type Html } from "./html.ts";

/** What is read of a JSON Schema. */
export interface Schema {
  readonly $ref?: string;
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  /** Of what an object of free names holds. */
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly examples?: readonly unknown[];
}

/** A table with a row per field, those of nested objects by their path; nothing for a schema without fields. */
export function fieldTable(schema: Schema): Html {
  const rows = fieldRows(schema, "");
  if (rows.length === 0) return html``;
  return html`<table>
    <thead>
      <tr>
        <th>Field</th>
        <th>Type</th>
        <th>Default</th>
        <th>Limits</th>
        <th>Meaning</th>
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

function fieldRows(schema: Schema, prefix: string): Html[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const isRequired = schema.required?.includes(name) === true;
    return [fieldRow(path, field, isRequired)].concat(nestedRows(field, path));
  });
}

function nestedRows(field: Schema, path: string): Html[] {
  if (field.items !== undefined) return fieldRows(field.items, `${path}[].`);
  return fieldRows(field, `${path}.`);
}

function fieldRow(path: string, field: Schema, isRequired: boolean): Html {
  const mark = isRequired ? html`<b title="always there">*</b>` : undefined;
  return html`<tr>
    <td><code>${path}</code> ${mark}</td>
    <td>${typeName(field)}</td>
    <td>${field.default === undefined ? undefined : JSON.stringify(field.default)}</td>
    <td>${limits(field)}</td>
    <td>${field.description}</td>
  </tr>`;
}

/** A type in words; another schema of the page as a link. */
export function typeName(schema: Schema): Html {
  if (schema.$ref !== undefined) return link(schema.$ref);
  if (schema.enum !== undefined) return html`${schema.enum.join(", ")}`;
  if (schema.anyOf !== undefined) {
    return html`${schema.anyOf.map((item, index) => html`${index > 0 ? " or " : ""}${typeName(item)}`)}`;
  }
  if (schema.items !== undefined) return html`list of ${typeName(schema.items)}`;
  const values = schema.additionalProperties;
  if (typeof values === "object") return html`object of ${typeName(values)}`;
  return html`${[schema.type ?? "any"].flat().join(" or ")}`;
}

function link(reference: string): Html {
  const name = reference.split("/").at(-1) ?? "";
  return html`<a href="#${name}">${name}</a>`;
}

function limits(schema: Schema): string {
  const { minimum, maximum, minLength, maxLength, maxItems, maxProperties, pattern } = schema;
  return [
    range(minimum, maximum, ""),
    range(minLength, maxLength, " characters"),
    range(undefined, maxItems, " items"),
    range(undefined, maxProperties, " entries"),
    pattern ?? "",
    schema.format ?? "",
  ]
    .filter((text) => text !== "")
    .join(", ");
}

function range(least: number | undefined, most: number | undefined, unit: string): string {
  if (least === undefined && most === undefined) return "";
  if (most === undefined) return `≥ ${least}${unit}`;
  return least === undefined ? `≤ ${most}${unit}` : `${least}–${most}${unit}`;
}
