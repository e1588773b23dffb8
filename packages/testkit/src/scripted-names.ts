/**
 * A resolver that answers by a script, in place of the operating system's and of nothing else: who controls a
 * name's server can let it point anywhere, and elsewhere each time it is asked (faults A16).
 */
import dns, { type LookupAddress, type LookupOptions } from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import { isIP } from "node:net";
import { callbackify } from "node:util";

/**
 * Names and what they resolve to: one answer for each look-up, the last one for all that follow. A name within an
 * answer stands for what the system makes of it, as the target of a CNAME does.
 */
export type NameScript = Readonly<Record<string, readonly (readonly string[])[]>>;

/** What is printed for each look-up of a scripted name, as a line of JSON. */
export interface ScriptedLookup {
  readonly lookedUp: string;
}

type Callback = (error: Error | null, found?: unknown, family?: number) => void;

/** From now on every look-up in this process goes by the script; names that are not in it are the system's. */
export function scriptNames(script: NameScript): void {
  const system = dns.promises.lookup;
  const asked = new Map<string, number>();

  const find = async (name: string, options: LookupOptions): Promise<LookupAddress[]> => {
    const answers = script[name];
    if (answers === undefined) return system(name, { ...options, all: true });
    const turn = asked.get(name) ?? 0;
    asked.set(name, turn + 1);
    process.stdout.write(`${JSON.stringify({ lookedUp: name } satisfies ScriptedLookup)}\n`);
    const answer = answers[Math.min(turn, answers.length - 1)] ?? [];
    const found = answer.map(async (entry) =>
      isIP(entry) === 0
        ? await system(entry, { ...options, all: true })
        : [{ address: entry, family: isIP(entry) }],
    );
    return (await Promise.all(found)).flat();
  };

  const promised = async (name: string, options: LookupOptions = {}): Promise<unknown> => {
    const found = await find(name, options);
    return options.all === true ? found : found[0];
  };
  const called = (name: string, options: LookupOptions, done: Callback): void => {
    callbackify(find)(name, options, (error, found) => {
      if (error !== null) done(error);
      else if (options.all === true) done(null, found);
      else done(null, found[0]?.address, found[0]?.family);
    });
  };
  // The second is what `net.connect` asks when it is given a name.
  Object.assign(dns.promises, { lookup: promised });
  Object.assign(dns, { lookup: called });
  syncBuiltinESMExports();
}
