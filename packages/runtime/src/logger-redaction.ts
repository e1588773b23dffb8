/**
 * Keeps secrets out of every log line (faults A20, F27): values registered by name, in each form they can
 * take inside a line, and whatever has the shape of a credential, known or not.
 */

const REDACTED = "[redacted]";

/** Shorter values would blot out common words. Characters. */
const SHORTEST_SECRET_CHARS = 6;

/** Credentials by shape: an Authorization value, a `key=` parameter of a URL, a password in a URL, a Porchlight key. */
const SHAPES =
  /\b(Bearer|Basic) +[\w.~+/=-]{6,}|([?&](?:key|token|password|secret)=)[^&\s"'\\]+|(:\/\/[^/\s"'@:]*:)[^/\s"'@]+(?=@)|\b(porch_[a-z]+_)\w{8,}/gi;

/** Secrets of this process, forgotten never: they stay secret when their owner is gone. */
export interface Secrets {
  /** Adds a value that no log line may show; shorter than 6 characters is ignored. Idempotent. */
  register(value: string): void;
  /** The line with every secret replaced. */
  redact(line: string): string;
}

/** A set of secrets of its own; the process has one, `secrets` of `logger.ts`. */
export function createSecrets(): Secrets {
  const forms = new Set<string>();
  let pattern: RegExp | undefined;
  return {
    register(value) {
      if (value.length < SHORTEST_SECRET_CHARS) return;
      for (const form of formsOf(value)) forms.add(form);
      // Longest first, so that a secret that holds another one goes as a whole.
      const longestFirst = [...forms].toSorted((a, b) => b.length - a.length);
      pattern = new RegExp(longestFirst.map((form) => RegExp.escape(form)).join("|"), "g");
    },
    redact(line) {
      const known = pattern === undefined ? line : line.replace(pattern, REDACTED);
      return redactShapes(known);
    },
  };
}

/** The text without what has the shape of a credential, registered or not. */
export function redactShapes(text: string): string {
  return text.replace(SHAPES, replaceShape);
}

function formsOf(value: string): string[] {
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    Buffer.from(value).toString("base64").replace(/=+$/, ""),
    Buffer.from(value).toString("base64url"),
  ];
}

function replaceShape(_match: string, ...groups: (string | undefined)[]): string {
  const [scheme, parameter, userInfo, prefix] = groups;
  if (scheme !== undefined) return `${scheme} ${REDACTED}`;
  return `${parameter ?? userInfo ?? prefix ?? ""}${REDACTED}`;
}
