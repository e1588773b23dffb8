/** Inputs tried per fuzz target; `FUZZ_RUNS=1000000 npm test` searches for longer. */
export const FUZZ_RUNS = Number(process.env["FUZZ_RUNS"] ?? 2000);
