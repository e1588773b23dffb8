/** Which methods a path takes, so that a wrong one is told from an unknown path (faults A29). */

interface IndexedRoute {
  /** Parts between slashes; one that begins with `:` takes any text. */
  readonly parts: readonly string[];
  readonly methods: Set<string>;
}

/** The routes of the API by path; a part that begins with `:` stands for anything. */
export class RouteIndex {
  readonly #routes = new Map<string, IndexedRoute>();

  /** Adds a route; `pattern` like `/v1/agents/:id`. */
  add(method: string, pattern: string): void {
    const known = this.#routes.get(pattern);
    if (known !== undefined) known.methods.add(method);
    else this.#routes.set(pattern, { parts: pattern.split("/"), methods: new Set([method]) });
  }

  /** The methods that a URL's path takes, sorted; empty when there is no such path. */
  methodsOf(url: string): readonly string[] {
    const parts = (url.split("?", 1)[0] ?? "").split("/");
    for (const route of this.#routes.values()) {
      if (matches(route.parts, parts)) return [...route.methods].toSorted();
    }
    return [];
  }
}

function matches(pattern: readonly string[], parts: readonly string[]): boolean {
  return (
    pattern.length === parts.length &&
    pattern.every((part, index) =>
      part.startsWith(":") ? parts[index] !== "" : part === parts[index],
    )
  );
}
