import { Command, Option } from "commander";
import { ROLES, type Role } from "@porchlight/protocol/key-format";
import { createKey, revokeKey } from "../accounts/keys.ts";
import type { KeyStore } from "../state/key-store.ts";
import { variable, type CommandContext } from "./command-context.ts";
import { parseDuration } from "./duration.ts";
import { describeCreatedKey, keyTable, viewOfKey } from "./key-views.ts";

interface CreateOptions {
  readonly role: Role;
  readonly name: string;
  readonly expires?: string;
  readonly json?: boolean;
}

/** Runs work on the embedded store and prints what it returns. */
type WithStore = (work: (store: KeyStore) => Promise<string>) => Promise<void>;

/** `porchlight keys …`: works on the embedded store, whether or not an orchestrator runs on it. */
export function keysCommand(context: CommandContext): Command {
  const keys = new Command("keys").description("create, list and revoke keys");
  const dataDir = variable(context.env, "ORCH_DATA_DIR") ?? "./.porchlight";
  keys.option("--data-dir <path>", "where the embedded store is (ORCH_DATA_DIR)", dataDir);
  const withStore: WithStore = async (work) => {
    const state = await context.openState(keys.opts<{ dataDir: string }>().dataDir);
    try {
      context.stdout.write(await work(state.keys));
    } finally {
      state.close();
    }
  };
  return keys
    .addCommand(createCommand(context, withStore))
    .addCommand(listCommand(context, withStore))
    .addCommand(revokeCommand(context, withStore));
}

function createCommand(context: CommandContext, withStore: WithStore): Command {
  return new Command("create")
    .description("make a new key and show it once")
    .addOption(new Option("--role <role>", "what it may do").choices(ROLES).makeOptionMandatory())
    .requiredOption("--name <name>", "whose it is or what for, such as lambda or annas-laptop")
    .option("--expires <time>", "how long it is valid, such as 12h or 30d (default: for ever)")
    .option("--json", "as JSON, for programs")
    .action(({ role, name, expires, json }: CreateOptions) =>
      withStore(async (store) => {
        const nowMs = context.now();
        const expiresAtMs = expires === undefined ? undefined : nowMs + parseDuration(expires);
        const created = await createKey(store, { role, name, nowMs, expiresAtMs });
        if (!json) return describeCreatedKey(created);
        return `${JSON.stringify({ ...viewOfKey(created.key), key: created.secret })}\n`;
      }),
    );
}

function listCommand(context: CommandContext, withStore: WithStore): Command {
  return new Command("list")
    .description("show all keys, without their secrets")
    .option("--json", "as JSON, for programs")
    .action(({ json }: { readonly json?: boolean }) =>
      withStore(async (store) => {
        const keys = await store.list();
        if (json) return `${JSON.stringify(keys.map(viewOfKey), undefined, 2)}\n`;
        return keyTable(keys, context.now());
      }),
    );
}

function revokeCommand(context: CommandContext, withStore: WithStore): Command {
  return new Command("revoke")
    .description("make a key invalid for ever; a running orchestrator notices within seconds")
    .argument("<id>", "the key's id, or its name when only one valid key has it")
    .action((idOrName: string) =>
      withStore(async (store) => {
        const key = await revokeKey(store, idOrName, context.now());
        return `Revoked ${key.id} (${key.role} ${key.name})\n`;
      }),
    );
}
