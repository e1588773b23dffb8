import assert from "node:assert/strict";
import { test } from "node:test";
import {
  integerSetting,
  parseBoolean,
  parseListenAddress,
  textSetting,
} from "./settings-parsers.ts";
import { printReading, readSettings, type SettingsTable } from "./settings.ts";

const TABLE = {
  listen: {
    env: "ORCH_LISTEN",
    flag: "--listen",
    description: "where to listen",
    default: "127.0.0.1:8080",
    parse: parseListenAddress,
  },
  key: {
    env: "AGENT_KEY",
    flag: "--key",
    description: "the key",
    required: true,
    secret: true,
    parse: textSetting(12),
  },
  max: { env: "MAX", flag: "--max", description: "how many", parse: integerSetting(1, 5) },
  open: {
    env: "OPEN",
    flag: "--open",
    description: "whether",
    default: "false",
    parse: parseBoolean,
  },
} as const satisfies SettingsTable;

const PROGRAM = { name: "program", version: "1.2.3", summary: "does things" };
const ENV = { AGENT_KEY: "key-of-mine" };

const read = (argv: readonly string[], env: Record<string, string | undefined> = ENV) =>
  readSettings(TABLE, { argv, env, program: PROGRAM });

const values = (argv: readonly string[], env?: Record<string, string | undefined>) => {
  const reading = read(argv, env);
  assert.equal(reading.kind, "values", JSON.stringify(reading));
  return reading.kind === "values" ? reading.values : assert.fail();
};

const faults = (argv: readonly string[], env?: Record<string, string | undefined>) => {
  const reading = read(argv, env);
  return reading.kind === "faults" ? reading.faults : assert.fail(reading.kind);
};

test("readSettings: a flag wins over the variable, the variable over the default", () => {
  assert.equal(values([]).listen.port, 8080);
  const env = { ...ENV, ORCH_LISTEN: "[::1]:9" };
  assert.deepEqual(values([], env).listen, { host: "::1", port: 9 });
  assert.equal(values(["--listen", "a:10"], env).listen.port, 10);
  assert.equal(values(["--listen=a:11"], env).listen.port, 11);
});

test("readSettings types what may be missing as undefined, and only that", () => {
  const { key, max, open } = values(["--open", "1"]);
  const typed: readonly [string, number | undefined, boolean] = [key, max, open];
  assert.deepEqual(typed, ["key-of-mine", undefined, true]);
});

test("readSettings takes an empty variable or flag for one that is not given", () => {
  assert.equal(values([], { ...ENV, ORCH_LISTEN: "", MAX: "" }).listen.port, 8080);
  assert.equal(values(["--listen="], { ...ENV, ORCH_LISTEN: "a:9" }).listen.port, 9);
  assert.deepEqual(faults([], { AGENT_KEY: "" }), ["AGENT_KEY (--key): Required"]);
});

test("readSettings names every fault at once: variable, flag, what was expected, what was given", () => {
  assert.deepEqual(faults(["--max", "6", "--nope", "--open"], { ORCH_LISTEN: "here" }), [
    "Unknown flag --nope",
    "--open needs a value",
    'ORCH_LISTEN (--listen): Expected host:port, such as 127.0.0.1:8080 or [::1]:8080, got "here"',
    "AGENT_KEY (--key): Required",
    'MAX (--max): Expected a whole number from 1 to 5, got "6"',
  ]);
});

test("readSettings: faults F27, a fault never shows the value of a secret, wherever it was put", () => {
  const secret = "a-key-that-is-too-long";
  for (const argv of [
    ["--key", secret],
    [`--key=${secret}`],
    [secret],
    ["--kee", secret],
    [`--kee=${secret}`],
  ]) {
    const text = faults(argv, { AGENT_KEY: secret }).join("\n");
    assert.ok(!text.includes(secret), text);
  }
});

test("readSettings: faults F27, a key inside a setting that is no secret is not shown either", () => {
  const text = faults(["--listen", "wss://name:word-one@host/agent?key=word-two"]).join("\n");
  assert.match(text, /got "wss:\/\/name:\[redacted\]@host\/agent\?key=\[redacted\]"$/);
});

test("readSettings never takes a flag for the value of the one before", () => {
  assert.deepEqual(faults(["--max", "--key", "mine"], {}), ["--max needs a value"]);
});

test("readSettings reports texts that follow no flag by their position", () => {
  assert.deepEqual(faults(["one", "--max", "2", "two"]), [
    "Argument 1 belongs to no flag",
    "Argument 4 belongs to no flag",
  ]);
});

test("readSettings: check adds faults that need several settings, and sees what could be read", () => {
  const reading = readSettings(TABLE, {
    argv: ["--max", "0"],
    env: ENV,
    program: PROGRAM,
    check: ({ listen, max }) => [`listen ${listen?.port}, max ${max}`],
  });
  assert.deepEqual(
    reading.kind === "faults" && reading.faults.at(-1),
    "listen 8080, max undefined",
  );
});

test("readSettings does not hide an error of its own in a parser", () => {
  const parse = () => {
    throw new TypeError("slip");
  };
  const table = { a: { env: "A", flag: "--a", description: "a", default: "x", parse } } as const;
  assert.throws(() => readSettings(table, { argv: [], env: {}, program: PROGRAM }), TypeError);
});

test("readSettings answers --help and --version whatever else is wrong", () => {
  for (const argv of [["--version"], ["-V", "--nope"]]) {
    assert.deepEqual(read(argv, {}), { kind: "text", text: "1.2.3" });
  }
  for (const argv of [["--help"], ["--nope", "-h"]]) assert.equal(read(argv, {}).kind, "text");
});

test("printReading prints a text to stdout with 0, and all faults to stderr with 2", () => {
  const written: string[] = [];
  const output = {
    stdout: { write: (text: string) => written.push(`out: ${text}`) },
    stderr: { write: (text: string) => written.push(`err: ${text}`) },
  };
  assert.equal(printReading({ kind: "text", text: "1.2.3" }, output), 0);
  assert.equal(printReading({ kind: "faults", faults: ["one", "two"] }, output), 2);
  assert.deepEqual(written, [
    "out: 1.2.3\n",
    "err: Wrong configuration, nothing was started:\n  - one\n  - two\n",
  ]);
});
