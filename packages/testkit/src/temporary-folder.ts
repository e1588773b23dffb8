import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of its own that goes away with everything in it. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
  /** Writes a file into the folder, readable by its owner only, and gives its path. */
  write(name: string, content: string | Uint8Array): Promise<string>;
}

/** A new empty folder under the system's folder for temporary files. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), "porchlight-"));
  return {
    path,
    async write(name, content) {
      const file = join(path, name);
      await writeFile(file, content, { mode: 0o600 });
      return file;
    },
    async [Symbol.asyncDispose]() {
      // A program that is just ending may still write its last lines into it.
      await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}
