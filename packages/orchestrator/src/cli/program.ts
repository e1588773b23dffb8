import { Command, CommanderError } from "commander";
import { ProxyError } from "@porchlight/protocol/errors";
import { agentsCommand } from "./agents-command.ts";
import type { CommandContext } from "./command-context.ts";
import { keysCommand } from "./keys-command.ts";
import { requestCommand } from "./request-command.ts";

/** What the commands stand on, and how the orchestrator is started. */
export interface ProgramOptions {
  readonly context: CommandContext;
  readonly version: string;
  /** Starts the orchestrator with its own flags; resolves with an exit code, 0 when it runs. */
  readonly startOrchestrator: (flags: readonly string[]) => Promise<number>;
}

/** Exit code of a command that was given the wrong way. */
const WRONG_USE = 2;

/**
 * Runs `porchlight COMMAND …` and resolves with its exit code: 0 when it worked, 1 when it failed, 2 when it
 * was given the wrong way. Never rejects.
 */
export async function runProgram(
  argv: readonly string[],
  options: ProgramOptions,
): Promise<number> {
  let exitCode = 0;
  const program = buildProgram(options, async (flags) => {
    exitCode = await options.startOrchestrator(flags);
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (err) {
    return report(err, options.context);
  }
}

function buildProgram(
  { context, version }: ProgramOptions,
  start: (flags: readonly string[]) => Promise<void>,
): Command {
  const program = new Command("porchlight")
    .description("Porchlight: sends requests out through agents at home")
    .version(version)
    .enablePositionalOptions()
    .addCommand(orchestratorCommand(start))
    .addCommand(keysCommand(context))
    .addCommand(agentsCommand(context))
    .addCommand(requestCommand(context))
    .addHelpText(
      "after",
      "\nagents and request ask the orchestrator at PORCHLIGHT_URL (default http://127.0.0.1:8080)" +
        "\nwith the key in PORCHLIGHT_KEY.",
    );
  return eachCommand(program, (command) =>
    command
      .exitOverride()
      .showHelpAfterError()
      .configureOutput({
        writeOut: (text) => context.stdout.write(text),
        writeErr: (text) => context.stderr.write(text),
      }),
  );
}

/** Its flags are those of the settings table, which reads them itself, `--help` included. */
function orchestratorCommand(start: (flags: readonly string[]) => Promise<void>): Command {
  return new Command("orchestrator")
    .description("run the orchestrator, configured by environment; --help lists the settings")
    .helpOption(false)
    .allowUnknownOption()
    .argument("[flags...]")
    .action((flags: readonly string[]) => start(flags));
}

function eachCommand(command: Command, change: (command: Command) => void): Command {
  change(command);
  for (const child of command.commands) eachCommand(child, change);
  return command;
}

/** Says what went wrong, in one line, where commander has not said it already. */
function report(err: unknown, { stderr }: CommandContext): number {
  if (err instanceof CommanderError) return err.exitCode === 0 ? 0 : WRONG_USE;
  const error = ProxyError.from(err);
  const cause = error.code === "internal" && err instanceof Error ? err.message : error.message;
  stderr.write(`porchlight: ${error.code}: ${cause}\n`);
  return error.code === "invalid_request" ? WRONG_USE : 1;
}
