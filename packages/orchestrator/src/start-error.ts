/** Why a node did not start: a line or more for people, and the exit code of the program. Nothing was left running. */
export class StartError extends Error {
  /** 1: the machine does not let it; 2: wrong configuration. */
  readonly exitCode: 1 | 2;

  constructor(exitCode: 1 | 2, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "StartError";
    this.exitCode = exitCode;
  }
}
