/** The table of loads in docs/benchmarks.md. */
import { LOADS } from "../../benchmarks/loads.ts";
import { code, table } from "./page.ts";

/** Each load and what it does. */
export function loadsTable(): string {
  return table(
    ["load", "what"],
    LOADS.map(({ name, description }) => [code(name), description]),
  );
}
