import assert from "node:assert/strict";
import { test } from "node:test";
import { formatHelp, settingRows } from "./settings-help.ts";
import { parseBoolean } from "./settings-parsers.ts";

const TABLE = {
  key: { env: "AGENT_KEY", flag: "--key", description: "the key", required: true, parse: String },
  name: {
    env: "AGENT_NAME",
    flag: "--name",
    description: "its name",
    default: "this-machine",
    defaultNote: "host name",
    parse: String,
  },
  open: {
    env: "OPEN",
    flag: "--open",
    description: "whether",
    default: "false",
    parse: parseBoolean,
  },
  extra: { env: "EXTRA", flag: "--extra", description: "more", parse: String },
} as const;

test("settingRows gives name, flag, default and description in the table's order", () => {
  assert.deepEqual(
    settingRows(TABLE).map((row) => [row.name, row.flag, row.default, row.description].join("|")),
    [
      "AGENT_KEY|--key|required|the key",
      "AGENT_NAME|--name|host name|its name",
      "OPEN|--open|false|whether",
      "EXTRA|--extra|–|more",
    ],
  );
});

test("formatHelp shows usage, every setting with its default, and nothing wider than a terminal", () => {
  const text = formatHelp(TABLE, { name: "program", version: "1.2.3", summary: "does things" });
  assert.match(text, /^Usage: program /);
  assert.match(text, /\n {2}--name {5}AGENT_NAME {2}host name\n {13}its name\n/);
  assert.match(text, /--help .*\n.*--version/);
  assert.ok(text.split("\n").every((line) => line.length <= 80));
});
