/** The table of docs/limits.md: name, value and the comment above each constant of protocol's `limits.ts`. */
import * as limits from "@porchlight/protocol/limits";
import { code, table } from "./page.ts";

const CONSTANT = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export const ([A-Z_]+) =/g;
const UNIT = /\s*(Bytes|Characters|Milliseconds|Frames per second)\.$/;

/** Rows of the table, from the source text. */
export function limitsTable(source: string): string {
  const values: Readonly<Record<string, number>> = limits;
  const rows = [...source.matchAll(CONSTANT)].map(([, comment = "", name = ""]) => {
    const text = sentenceOf(comment);
    const unit = UNIT.exec(text)?.[1];
    return [code(name), formatValue(values[name] ?? 0, unit), text.replace(UNIT, "")];
  });
  return table(["limit", "value", "what it bounds"], rows);
}

/** A value with its unit, in the largest binary unit that divides it. */
export function formatValue(value: number, unit: string | undefined): string {
  if (unit === "Milliseconds") return value % 1000 === 0 ? `${value / 1000} s` : `${value} ms`;
  if (unit === "Bytes") return formatBytes(value);
  return unit === undefined ? String(value) : `${value} ${unit.toLowerCase()}`;
}

function formatBytes(value: number): string {
  const mebibytes = value / 1024 ** 2;
  if (Number.isInteger(mebibytes)) return `${mebibytes} MiB`;
  return Number.isInteger(value / 1024) ? `${value / 1024} KiB` : `${value} bytes`;
}

function sentenceOf(comment: string): string {
  return comment
    .replace(/^\s*\*/gm, "")
    .replace(/\s+/g, " ")
    .trim();
}
