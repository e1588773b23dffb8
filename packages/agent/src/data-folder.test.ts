import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultDataFolder } from "./data-folder.ts";

test("defaultDataFolder: by the habits of the platform", () => {
  const home = { homeFolder: "/home/u", env: {} };
  assert.equal(
    defaultDataFolder({ ...home, platform: "linux" }),
    "/home/u/.local/share/porchlight",
  );
  assert.equal(
    defaultDataFolder({ ...home, platform: "darwin" }),
    "/home/u/Library/Application Support/Porchlight",
  );
  const windows = { platform: "win32", homeFolder: "C:\\Users\\u" } as const;
  assert.equal(
    defaultDataFolder({ ...windows, env: { LOCALAPPDATA: "D:\\Local" } }),
    "D:\\Local\\Porchlight",
  );
  assert.equal(
    defaultDataFolder({ ...windows, env: {} }),
    "C:\\Users\\u\\AppData\\Local\\Porchlight",
  );
});

test("defaultDataFolder: XDG_DATA_HOME counts when it is absolute", () => {
  const folderFor = (XDG_DATA_HOME: string): string =>
    defaultDataFolder({ platform: "linux", homeFolder: "/home/u", env: { XDG_DATA_HOME } });
  assert.equal(folderFor("/data"), "/data/porchlight");
  assert.equal(folderFor("data"), "/home/u/.local/share/porchlight");
});
